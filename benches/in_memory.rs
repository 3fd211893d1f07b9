//! ureq without a network: a transport whose peer answers each request with the same bytes, from memory. What is left
//! is what ureq itself takes for a request and its answer, its pool included; nobody who uses it can take less.

use std::io::{Error as IoError, ErrorKind, Read};

use ureq::http::header::{ACCEPT, ACCEPT_ENCODING, USER_AGENT};
use ureq::http::{Request, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Agent, Error};

use crate::server::BODY;

/// An agent over this, and a request for it with the headers that `fanout` sends.
pub(crate) struct InMemory {
    agent: Agent,
    request: Request<()>,
}

impl InMemory {
    /// For so many threads at once. ureq makes no header of its own, as it makes none for `fanout`.
    pub(crate) fn new(threads: usize) -> InMemory {
        let config = Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_connections(threads)
            .max_idle_connections_per_host(threads)
            .user_agent("")
            .accept("")
            .accept_encoding("")
            .input_buffer_size(16 * 1024)
            .output_buffer_size(4 * 1024)
            .build();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n");
        let answers = Answers([head.as_bytes(), &[b' '; BODY]].concat());
        let request = Request::get("http://in.memory/123")
            .header(USER_AGENT, "fanout")
            .header(ACCEPT, "*/*")
            .header(ACCEPT_ENCODING, "gzip");
        InMemory { agent: Agent::with_parts(config, answers, Nowhere), request: request.body(()).unwrap() }
    }

    pub(crate) fn fetch(&self) {
        let mut response = self.agent.run(self.request.clone()).unwrap();
        let mut body = Vec::with_capacity(BODY);
        response.body_mut().as_reader().read_to_end(&mut body).unwrap();
        assert_eq!((response.status().as_u16(), body.len()), (200, BODY));
    }
}

#[derive(Debug)]
struct Answers(Vec<u8>);

#[derive(Debug)]
struct Answering {
    answer: Vec<u8>,
    buffers: LazyBuffers,
    is_asked: bool,
}

impl Connector for Answers {
    type Out = Answering;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<Answering>, Error> {
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Answering { answer: self.0.clone(), buffers, is_asked: false }))
    }
}

impl Transport for Answering {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
        self.is_asked = true;
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        if !std::mem::take(&mut self.is_asked) {
            return Err(IoError::from(ErrorKind::WouldBlock).into());
        }
        self.buffers.input_append_buf()[..self.answer.len()].copy_from_slice(&self.answer);
        self.buffers.input_appended(self.answer.len());
        Ok(true)
    }

    fn is_open(&mut self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(
        &self,
        _: &Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}
