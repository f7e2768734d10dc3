//! Listen addresses.

use std::net::{Ipv4Addr, SocketAddr};

use crate::config::flag_value::{FlagError, FlagType, expected_error};

/// Flag type of an IP address and a port.
#[derive(Debug, Clone)]
pub struct Address;

impl FlagType for Address {
    type Value = SocketAddr;

    fn parse(text: &str) -> Result<SocketAddr, FlagError> {
        text.trim().parse().map_err(|_| expected_error("HOST:PORT, such as 127.0.0.1:50051"))
    }

    fn placeholder() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
    }
}

/// Flag type of an IP address and a port, or `none`. `PORT` is the port of the example in error messages.
#[derive(Debug, Clone)]
pub struct AddressOrNone<const PORT: u16>;

impl<const PORT: u16> FlagType for AddressOrNone<PORT> {
    type Value = Option<SocketAddr>;

    fn parse(text: &str) -> Result<Option<SocketAddr>, FlagError> {
        match text.trim() {
            "none" => Ok(None),
            address => {
                let problem = |_| expected_error(format!("HOST:PORT, such as 127.0.0.1:{PORT}, or none"));
                address.parse().map(Some).map_err(problem)
            }
        }
    }

    fn placeholder() -> Option<SocketAddr> {
        None
    }
}
