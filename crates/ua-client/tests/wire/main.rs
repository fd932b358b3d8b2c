//! The client on a real wire, against a server in this process.

#[cfg(test)]
mod asking;
#[cfg(test)]
mod plc;
#[cfg(test)]
mod running;
#[cfg(test)]
mod words;
