//! One client: a connection that is kept alive, and one request at a time over it.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HOST;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The header by which a request says its number.
pub(crate) const ASKER: &str = "x-request-number";

/// An HTTP client on tokio.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    connection: SendRequest<Empty<Bytes>>,
}

/// What went wrong, for a person.
type Fault = Box<dyn std::error::Error + Send + Sync>;

impl Client {
    /// Connects to the server.
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, Fault> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the connection; what goes wrong with it, the request sees.
        tokio::spawn(driver);
        Ok(Self {
            address,
            connection,
        })
    }

    /// Asks for a key by GET, and returns the body of the response.
    pub(crate) async fn get(&mut self, key: &str) -> Result<Bytes, Fault> {
        self.ask(Method::GET, key, 0).await
    }

    /// Asks for a key by POST, and returns the body of the response.
    pub(crate) async fn post(&mut self, key: &str) -> Result<Bytes, Fault> {
        self.ask(Method::POST, key, 0).await
    }

    /// Asks for a key by GET with a number that the server can name the request by, and returns
    /// the body of the response.
    pub(crate) async fn get_as(&mut self, number: u64, key: &str) -> Result<Bytes, Fault> {
        self.ask(Method::GET, key, number).await
    }

    async fn ask(&mut self, method: Method, key: &str, number: u64) -> Result<Bytes, Fault> {
        let path = format!("/sales/{}", encode(key));
        if self.connection.is_closed() {
            *self = Self::connect(self.address).await?;
        }
        // It may still be reading the end of the last response.
        self.connection.ready().await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.to_string())
            .header(ASKER, number)
            .body(Empty::new())?;
        let response = self.connection.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status == StatusCode::OK {
            Ok(body)
        } else {
            Err(format!("{status}: {}", String::from_utf8_lossy(&body).trim()).into())
        }
    }
}

/// Makes one segment of a path out of any text.
fn encode(key: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut segment = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push('%');
            segment.push(char::from(DIGITS[usize::from(byte >> 4)]));
            segment.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn any_key_becomes_one_segment() {
        assert_eq!(encode("item-1"), "item-1");
        assert_eq!(encode("/a b?c=%"), "%2Fa%20b%3Fc%3D%25");
        assert_eq!(encode("\u{e9}"), "%C3%A9");
    }
}
