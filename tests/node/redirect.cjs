// Preloaded (NODE_OPTIONS=--require) into the public suites and the programs they start: their
// sources name one port of the loopback; a connection to REDIRECT_FROM goes to REDIRECT_TO instead.

const net = require("node:net");

const from = Number(process.env.REDIRECT_FROM);
const to = Number(process.env.REDIRECT_TO);
const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function (...args) {
  // Node's own callers pass the arguments as one list: [[options, callback]].
  const options = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (Number(options?.port) === from) options.port = to;
  return connect.apply(this, args);
};
