//! Private Postgres and RabbitMQ on this machine.
