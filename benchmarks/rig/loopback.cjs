// Preloaded into a Node server that knows no listening address: it then listens on 127.0.0.1, not on every interface.
const { Server } = require("node:net");

const listen = Server.prototype.listen;

Server.prototype.listen = function (port, ...rest) {
  const callback = rest.find((argument) => typeof argument === "function");
  return listen.call(this, { port, host: "127.0.0.1" }, callback);
};
