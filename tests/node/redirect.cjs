// Preloaded (NODE_OPTIONS=--require) into the public suites and the programs they start: their
// sources name one port of the loopback; a connection to REDIRECT_FROM goes to REDIRECT_TO instead.
// So does one to port 80, which two of the client's tests mean without saying: whether it is refused
// before or after their mocked clock has run is a race otherwise.

const net = require("node:net");

const from = Number(process.env.REDIRECT_FROM);
const to = Number(process.env.REDIRECT_TO);
const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function (...args) {
  // Node's own callers pass the arguments as one list: [[options, callback]].
  const options = Array.isArray(args[0]) ? args[0][0] : args[0];
  if ([from, 80].includes(Number(options?.port))) options.port = to;
  return connect.apply(this, args);
};
