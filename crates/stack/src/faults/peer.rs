//! A broker that answers by a script: what a real one can't be made to do on demand.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::amqp::{
    BASIC_ACK, BASIC_NACK, BASIC_PUBLISH, BASIC_RETURN, BODY, FRAME_HEAD_BYTES, GREETING_BYTES, HEADER,
    HEARTBEAT, METHOD, body_bytes, frame, long, method, method_of, short,
};
use super::thread::OwnThread;
use crate::StackError;

const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
const FRAME_BYTES_MAX: u32 = 131_072;

/// One step of a script. What stands between two [`Step::Await`] is sent at one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Waits until so many messages were published on the connection, counted from its start.
    Await(u64),
    /// Confirms the message of this number, or all up to it.
    Ack {
        /// The message's number, from 1.
        tag: u64,
        /// Those before it too.
        multiple: bool,
    },
    /// Refuses it, or all up to it.
    Nack {
        /// The message's number, from 1.
        tag: u64,
        /// Those before it too.
        multiple: bool,
    },
    /// Gives the message of this number back as unroutable.
    Return(u64),
    /// The first bytes of a confirm for the message of this number, and then nothing more of it.
    HalfAck(u64),
    /// Closes the channel, as for a publish to an exchange that is not there.
    CloseChannel,
    /// Says nothing any more, heartbeats neither.
    Hush,
    /// Ends the connection.
    HangUp,
}

/// A scripted broker on 127.0.0.1. It takes every login and knows every exchange and queue.
#[derive(Debug)]
pub struct Peer {
    port: u16,
    connections: Arc<AtomicUsize>,
    _thread: OwnThread,
}

impl Peer {
    /// Plays one script a connection, in their order; on those that come after them, it confirms everything at once.
    ///
    /// # Errors
    /// The system has no port or no thread for it.
    pub fn start(scripts: Vec<Vec<Step>>) -> Result<Self, StackError> {
        let what = "open a port for a scripted broker";
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(StackError::io(what))?;
        listener.set_nonblocking(true).map_err(StackError::io(what))?;
        let port = listener.local_addr().map_err(StackError::io(what))?.port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let thread = OwnThread::start("scripted broker", move || accept(listener, scripts, counted))?;
        Ok(Self { port, connections, _thread: thread })
    }

    /// Its AMQP address.
    pub fn url(&self) -> String {
        format!("amqp://eye:eye@127.0.0.1:{}/%2f", self.port)
    }

    /// How many connections were made to it so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }
}

async fn accept(listener: StdListener, scripts: Vec<Vec<Step>>, connections: Arc<AtomicUsize>) {
    // It was made for this: an error would mean that there is no runtime.
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let mut scripts = scripts.into_iter();
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        connections.fetch_add(1, Ordering::AcqRel);
        tokio::spawn(Conversation::hold(client, scripts.next()));
    }
}

/// A message as it was published: its header's and its body's frames.
#[derive(Debug, Default)]
struct Published {
    channel: u16,
    header: Vec<u8>,
    body: Vec<Vec<u8>>,
    body_left: u64,
}

/// One connection. It ends where the client, or the script, ends it.
struct Conversation {
    client: OwnedWriteHalf,
    /// None: everything is confirmed.
    script: Option<std::vec::IntoIter<Step>>,
    awaited: Option<u64>,
    published: BTreeMap<u64, Published>,
    /// The message whose frames come at present.
    arriving: Option<Published>,
    is_hushed: bool,
}

/// A frame that the client sent.
struct Heard {
    kind: u8,
    channel: u16,
    payload: Vec<u8>,
}

impl Conversation {
    async fn hold(client: TcpStream, script: Option<Vec<Step>>) {
        let (reading, writing) = client.into_split();
        let (sender, mut heard) = mpsc::channel(64);
        let listening = tokio::spawn(listen(reading, sender));
        let mut conversation = Self {
            client: writing,
            script: script.map(Vec::into_iter),
            awaited: None,
            published: BTreeMap::new(),
            arriving: None,
            is_hushed: false,
        };
        let mut beats = interval_at(Instant::now() + HEARTBEAT_INTERVAL, HEARTBEAT_INTERVAL);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let going_on = tokio::select! {
                frame = heard.recv() => match frame {
                    Some(Heard { kind, channel, payload }) => conversation.take(kind, channel, &payload).await,
                    None => false,
                },
                _ = beats.tick() => conversation.say(&frame(HEARTBEAT, 0, &[])).await,
            };
            if !going_on {
                break;
            }
        }
        listening.abort();
    }

    /// Tells whether the client still listens.
    async fn say(&mut self, bytes: &[u8]) -> bool {
        self.is_hushed || self.client.write_all(bytes).await.is_ok()
    }

    /// Answers a frame; tells whether to go on.
    async fn take(&mut self, kind: u8, channel: u16, payload: &[u8]) -> bool {
        match kind {
            0 => self.say(&start()).await,
            METHOD => match method_of(payload) {
                Some(BASIC_PUBLISH) => {
                    self.arriving = Some(Published { channel, ..Published::default() });
                    true
                }
                Some(called) => match answer(channel, called, payload) {
                    Some(answer) => self.say(&answer).await,
                    None => true,
                },
                None => false,
            },
            HEADER => {
                if let Some(message) = &mut self.arriving {
                    message.header = payload.to_vec();
                    message.body_left = body_bytes(payload);
                }
                self.arrived().await
            }
            BODY => {
                if let Some(message) = &mut self.arriving {
                    message.body_left = message.body_left.saturating_sub(payload.len() as u64);
                    message.body.push(payload.to_vec());
                }
                self.arrived().await
            }
            _ => true,
        }
    }

    async fn arrived(&mut self) -> bool {
        if self.arriving.as_ref().is_none_or(|message| message.body_left > 0) {
            return true;
        }
        let number = self.published.len() as u64 + 1;
        self.published.extend(self.arriving.take().map(|message| (number, message)));
        if self.script.is_some() { self.play().await } else { self.confirm(number).await }
    }

    async fn confirm(&mut self, number: u64) -> bool {
        let bytes = self.spoken(Step::Ack { tag: number, multiple: false });
        self.say(&bytes).await
    }

    /// Plays on, until something is awaited that has not come.
    async fn play(&mut self) -> bool {
        let mut bytes = Vec::new();
        loop {
            if self.awaited.is_some_and(|awaited| (self.published.len() as u64) < awaited) {
                break;
            }
            let Some(step) = self.script.as_mut().and_then(Iterator::next) else { break };
            match step {
                Step::Await(count) => {
                    if !self.say(&std::mem::take(&mut bytes)).await {
                        return false;
                    }
                    self.awaited = Some(count);
                }
                Step::Hush => {
                    let said = self.say(&bytes).await;
                    self.is_hushed = true;
                    return said;
                }
                Step::HangUp => {
                    self.say(&bytes).await;
                    return false;
                }
                step => bytes.extend(self.spoken(step)),
            }
        }
        self.say(&bytes).await
    }

    /// The bytes of a step that says something.
    fn spoken(&self, step: Step) -> Vec<u8> {
        let channel = self.published.values().next().map_or(1, |message| message.channel);
        let settled = |called, tag: u64, multiple: bool| {
            let mut arguments = tag.to_be_bytes().to_vec();
            arguments.push(u8::from(multiple));
            method(channel, called, &arguments)
        };
        match step {
            Step::Ack { tag, multiple } => settled(BASIC_ACK, tag, multiple),
            Step::Nack { tag, multiple } => settled(BASIC_NACK, tag, multiple),
            Step::HalfAck(tag) => {
                let mut ack = settled(BASIC_ACK, tag, false);
                ack.truncate(ack.len() / 2);
                ack
            }
            Step::Return(tag) => self.published.get(&tag).map(returned).unwrap_or_default(),
            Step::CloseChannel => {
                let reason =
                    [404_u16.to_be_bytes().to_vec(), short("NOT_FOUND"), vec![0, 60, 0, 40]].concat();
                method(channel, (20, 40), &reason)
            }
            Step::Await(_) | Step::Hush | Step::HangUp => Vec::new(),
        }
    }
}

fn returned(message: &Published) -> Vec<u8> {
    let reason =
        [312_u16.to_be_bytes().to_vec(), short("NO_ROUTE"), short("eye.events"), short("eye.events")];
    let mut frames = method(message.channel, BASIC_RETURN, &reason.concat());
    frames.extend(frame(HEADER, message.channel, &message.header));
    for part in &message.body {
        frames.extend(frame(BODY, message.channel, part));
    }
    frames
}

/// `connection.start`: AMQP 0-9-1, no properties, PLAIN.
fn start() -> Vec<u8> {
    let arguments = [vec![0, 9], vec![0; 4], long("PLAIN"), long("en_US")].concat();
    method(0, (10, 10), &arguments)
}

/// What a broker answers to a method that has an answer.
fn answer(channel: u16, called: (u16, u16), payload: &[u8]) -> Option<Vec<u8>> {
    let arguments = match called {
        // start-ok: the limits. No heartbeats are demanded; they are sent all the same.
        (10, 11) => {
            let tune = [2_047_u16.to_be_bytes().to_vec(), FRAME_BYTES_MAX.to_be_bytes().to_vec(), vec![0, 0]];
            return Some(method(0, (10, 30), &tune.concat()));
        }
        // connection.open-ok, channel.open-ok, queue.declare-ok with the name that was asked for.
        (10, 40) => vec![0],
        (20, 10) => vec![0; 4],
        (50, 10) => {
            let name = payload.get(6..).and_then(|rest| rest.get(..=usize::from(*rest.first()?)));
            [name.unwrap_or(&[0]).to_vec(), vec![0; 8]].concat()
        }
        // close, exchange.declare, queue.bind and unbind, qos, confirm.select: an -ok without arguments.
        (10, 50) | (20, 40) | (40, 10) | (50, 20 | 50) | (60, 10) | (85, 10) => Vec::new(),
        _ => return None,
    };
    Some(method(channel, (called.0, called.1 + 1), &arguments))
}

/// Takes frames in until the client ends; its greeting is told as a frame of type 0.
async fn listen(mut client: OwnedReadHalf, heard: mpsc::Sender<Heard>) {
    let mut greeting = [0; GREETING_BYTES];
    if client.read_exact(&mut greeting).await.is_err() {
        return;
    }
    let mut next = Some(Heard { kind: 0, channel: 0, payload: Vec::new() });
    while let Some(frame) = next {
        if heard.send(frame).await.is_err() {
            return;
        }
        next = read_frame(&mut client).await;
    }
}

async fn read_frame(client: &mut OwnedReadHalf) -> Option<Heard> {
    let mut head = [0; FRAME_HEAD_BYTES];
    client.read_exact(&mut head).await.ok()?;
    let size = u32::from_be_bytes(head[3..].try_into().ok()?) as usize;
    let mut payload = vec![0; size + 1];
    client.read_exact(&mut payload).await.ok()?;
    payload.truncate(size);
    Some(Heard { kind: head[0], channel: u16::from_be_bytes([head[1], head[2]]), payload })
}
