//! A message of types, as large as one of bytes.

use super::{digest, expected_digest, fill};
use crate::typed;

/// As a message of an application would be, with numbers, texts, lists and octets: 1,024 octets with the
/// header of typed payloads.
#[derive(Debug, rkyv::Archive, rkyv::Serialize)]
pub struct Record {
    /// Who sends it.
    pub client: u64,
    /// In which call.
    pub call: u64,
    /// Some text.
    pub subject: String,
    /// A list of texts.
    pub recipients: Vec<String>,
    /// Follows from client and call.
    pub body: Vec<u8>,
}

impl typed::Request for Record {
    type Reply = Self;
    type Codec = typed::Rkyv;
    const TYPE: u32 = 1;
    const VERSION: u32 = 1;
}

impl Record {
    /// Octets of its typed payload.
    pub const PAYLOAD: usize = 1024;
    /// Octets of its payload beside the body, which the test below checks.
    const BESIDE_THE_BODY: usize = 132;

    /// One that is still to be filled.
    #[must_use]
    pub fn new() -> Self {
        Self {
            client: 0,
            call: 0,
            subject: "the subject of this record".to_owned(),
            recipients: vec!["ada@example.org".to_owned(), "grace@example.org".to_owned()],
            body: vec![0; Self::PAYLOAD - Self::BESIDE_THE_BODY],
        }
    }

    /// Makes it the one of this call.
    pub fn fill(&mut self, client: u64, call: u64) {
        (self.client, self.call) = (client, call);
        fill(&mut self.body, client, call);
    }
}

impl Default for Record {
    fn default() -> Self {
        Self::new()
    }
}

impl ArchivedRecord {
    /// Whether these are the octets of its call, all of them. Needs `scratch` for as many.
    #[must_use]
    pub fn is_whole(&self, scratch: &mut Vec<u8>) -> bool {
        scratch.resize(self.body.len(), 0);
        let expected = expected_digest(scratch, self.client.to_native(), self.call.to_native());
        digest(&self.body) == expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::typed::{Buffer, Client, Service};
    use crate::{Address, Refusal, Server, ServerConfig};

    #[test]
    fn a_record_is_as_large_as_it_says_and_shows_alterations() {
        let name = format!("prixfixe-record-{}", std::process::id());
        let address = Address::abstract_name(name).unwrap();
        let mut scratch = Vec::new();
        let service = Service::new().on::<Record>(move |asked, _| {
            if !asked.is_whole(&mut scratch) {
                return Err(Refusal::Malformed);
            }
            let mut answer = Record::new();
            answer.fill(asked.client.to_native(), asked.call.to_native());
            Ok(answer)
        });
        let server = Server::bind(&address, ServerConfig::default()).unwrap();
        let _running = server.spawn(service).unwrap();
        let mut client = Client::connect(&address).unwrap();
        let mut record = Record::new();
        record.fill(1, 2);
        let mut exact = Buffer::for_replies_of(Record::PAYLOAD);
        let reply = client.bytes().call_typed(&record, &mut exact).completed();
        assert!(reply.unwrap().is_whole(&mut Vec::new()));
        let mut short = Buffer::for_replies_of(Record::PAYLOAD - 1);
        let refused = client.bytes().call_typed(&record, &mut short).completed();
        assert!(refused.is_err());
        record.body[500] ^= 1;
        assert!(client.call(&record).completed().is_err());
    }
}
