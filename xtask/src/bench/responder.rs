//! The least a server can do: bytes that were there before, for any request.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use anyhow::Result;

/// Answers until the process ends; its threads end with their connections.
pub(super) struct Responder {
    pub(super) address: SocketAddr,
}

impl Responder {
    /// Answers each request with `body` bytes.
    pub(super) fn start(body: usize) -> Result<Responder> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {body}\r\n\r\n").into_bytes();
        answer.resize(answer.len() + body, b'x');
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let answer = answer.clone();
                thread::spawn(move || serve(stream, &answer));
            }
        });
        Ok(Responder { address })
    }
}

fn serve(stream: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        // The empty line at the end of the head; a GET has no body.
        if line == "\r\n" {
            writer.write_all(answer)?;
        }
        line.clear();
    }
    Ok(())
}
