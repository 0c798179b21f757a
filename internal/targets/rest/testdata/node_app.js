// Node as it comes: every answer has the form that the platform gives it by default.
const http = require("http");
const zlib = require("zlib");
const answers = {
  "/empty": (res) => res.end(),
  "/text": (res) => res.end("OK"),
  "/object": (res) => res.end(JSON.stringify({ success: true })),
  "/none": (res) => res.writeHead(204).end(),
  "/compressed": (res) => res.writeHead(200, { "Content-Encoding": "gzip" }).end(zlib.gzipSync('{"success":true}')),
  "/deflated": (res) => res.writeHead(200, { "Content-Encoding": "deflate" }).end(zlib.deflateSync('{"success":true}')),
  "/raw": (res) => res.writeHead(200, { "Content-Encoding": "deflate" }).end(zlib.deflateRawSync('{"success":true}')),
  "/invalid": (res) =>
    res.writeHead(400, { "Content-Type": "application/json" }).end(
      JSON.stringify({ statusCode: 400, message: ["newPassword must be longer than or equal to 40 characters"], error: "Bad Request" }),
    ),
};
http
  .createServer((req, res) => {
    req.resume().on("end", () => answers[req.url](res));
  })
  .listen(Number(process.argv[2]), "127.0.0.1");
