// A server of Node's TLS in one of the constellations that ../realserver.go lists: its
// arguments are the constellation and the folder with the certificates. It prints its
// port, counts what arrives on standard output, and ends with its standard input.
'use strict'
const fs = require('fs')
const http2 = require('http2')
const https = require('https')
const path = require('path')
const tls = require('tls')

const [kind, folder] = process.argv.slice(2)
const read = (name) => fs.readFileSync(path.join(folder, name))
const leaf = { 'missing intermediate': 'below', 'common name alone': 'common', 'RSA key exchange alone': 'rsa' }[kind] || 'leaf'
const options = {
  key: read(leaf + '.key'), cert: read(leaf + '.pem'), ca: read('ca.pem'),
  requestCert: kind.startsWith('client certificate demanded'), rejectUnauthorized: kind.startsWith('client certificate demanded'),
  ...{
    'TLS 1.3 alone': { minVersion: 'TLSv1.3' },
    'RSA key exchange alone': { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' },
    'client certificate demanded, TLS 1.2': { maxVersion: 'TLSv1.2' },
    'renegotiation once': { maxVersion: 'TLSv1.2' },
    'renegotiation each time': { maxVersion: 'TLSv1.2' },
  }[kind],
}

// Answers that a server in front of an API gives in its place.
const inPlace = {
  'Windows authentication alone': (response) => {
    response.writeHead(401, { 'WWW-Authenticate': ['Negotiate', 'NTLM'] })
    response.end()
  },
  'misdirected request': (response) => {
    response.writeHead(421)
    response.end()
  },
  'long head': (response) => {
    response.writeHead(200, { 'X-Long': 'x'.repeat(100000) })
    response.end()
  },
}[kind]

// The answers of the few calls that rotations need.
function answer (request, response) {
  console.log('arrived ' + request.method + ' ' + request.url.split('?')[0] + ' ' + (request.socket.getProtocol ? request.socket.getProtocol() : ''))
  const json = (value) => {
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify(value))
  }
  let body = ''
  request.on('data', (part) => { body += part })
  request.on('end', () => {
    if (inPlace) return inPlace(response)
    switch (request.url.split('?')[0]) {
      case '/vedauth/authorize/oauth': return json({ access_token: 'token-of-the-stand-in', expires: 2000000000, identity: 'local:{1}', scope: 'security:manage', token_type: 'Bearer' })
      case '/vedsdk/Identity/SetPassword': return json({ ID: { Name: 'jdoe', Prefix: 'local', PrefixedName: 'local:jdoe', Type: 1 } })
      case '/vedauth/revoke/token': return response.end()
    }
    json({ status: 'success' })
  })
}

const renegotiated = new WeakSet()
function serve (request, response) {
  const socket = request.socket
  const asks = kind.startsWith('renegotiation')
  if (asks && socket.getProtocol() === 'TLSv1.3') {
    console.log('arrived on TLSv1.3')
    if (kind.endsWith('a reset')) return (socket._parent || socket).resetAndDestroy()
    response.writeHead(500, { 'Content-Type': 'text/html' })
    return response.end('<html><title>IIS 10.0 Detailed Error - 500.0</title></html>')
  }
  if (!asks || (kind === 'renegotiation once' && renegotiated.has(socket))) return answer(request, response)
  renegotiated.add(socket)
  socket.renegotiate({ requestCert: true, rejectUnauthorized: false }, (fault) => {
    if (fault) return socket.destroy()
    console.log('certificate ' + (socket.getPeerCertificate().subject ? 'shown' : 'missing'))
    answer(request, response)
  })
}

const server = kind === 'HTTP/2 alone' ? http2.createSecureServer({ ...options, allowHTTP1: false }, serve) : https.createServer(options, serve)
tls.CLIENT_RENEG_LIMIT = 100
server.on('tlsClientError', () => console.log('handshake failed'))
server.on('secureConnection', () => console.log('connection'))
server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port))
process.on('uncaughtException', (fault) => console.log('fault ' + fault.code))
process.stdin.on('end', () => process.exit(0)).resume()
setTimeout(() => process.exit(0), 120000)
