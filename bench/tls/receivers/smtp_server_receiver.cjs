// nodemailer's smtp-server as a receiver that throws mail away: one port with STARTTLS, one with
// TLS from the start.
const fs = require("node:fs");
const { SMTPServer } = require("smtp-server");

const [certificate, key, starttlsPort, implicitPort] = process.argv.slice(2);

const settings = {
  name: "mx.bench.example",
  cert: fs.readFileSync(certificate),
  key: fs.readFileSync(key),
  authOptional: true,
  disableReverseLookup: true,
  logger: false,
  onData(stream, session, done) {
    stream.resume();
    stream.on("end", () => done(null, "discarded"));
  },
};

for (const [port, secure] of [[starttlsPort, false], [implicitPort, true]]) {
  const server = new SMTPServer({ ...settings, secure });
  // A client that is gone is the client's business.
  server.on("error", () => {});
  server.listen(Number(port), "127.0.0.1");
}
