//! The ways between the parts of a pipeline, each of which can be disturbed.

use stack::faults::{Backend, Balancer, Proxy};

/// A proxy on each way.
pub struct Ways {
    /// From the applications to the gateways.
    pub to_gateway: Proxy,
    /// From the gateways to the broker.
    pub gateway_to_broker: Proxy,
    /// From the gateways to the database.
    pub gateway_to_store: Proxy,
    /// From the consumers to the broker.
    pub consumers_to_broker: Proxy,
    /// From the consumers to the database.
    pub consumers_to_store: Proxy,
    /// The one address of all gateways.
    _balancer: Balancer,
}

impl Ways {
    /// # Panics
    /// The system has no ports or threads for them.
    pub(crate) fn open(gateways: &[Backend], broker: u16, store: u16) -> Self {
        let to = |port| Proxy::to(port).expect("a proxy");
        let balancer = Balancer::before(gateways).expect("a balancer");
        Self {
            to_gateway: to(balancer.port()),
            gateway_to_broker: to(broker),
            gateway_to_store: to(store),
            consumers_to_broker: to(broker),
            consumers_to_store: to(store),
            _balancer: balancer,
        }
    }

    /// Lets everything pass on all of them again.
    pub fn mend(&self) {
        let ways = [
            &self.to_gateway,
            &self.gateway_to_broker,
            &self.gateway_to_store,
            &self.consumers_to_broker,
            &self.consumers_to_store,
        ];
        ways.into_iter().for_each(Proxy::mend);
    }
}
