/** Preloaded into Portkey's gateway, which would listen on every interface of the machine: here it gets loopback only. */
import { Server } from "node:net";

// Bound again by `call` below.
// oxlint-disable-next-line typescript/unbound-method
const { listen } = Server.prototype;

Server.prototype.listen = function listenOnLoopback(first, ...rest) {
  const isPort = typeof first === "number" || typeof first === "string";
  const options = typeof first === "object" && first !== null ? first : undefined;
  if (options?.port !== undefined) return listen.call(this, { ...options, host: "127.0.0.1" }, ...rest);
  if (!isPort) return listen.call(this, first, ...rest);
  const callback = rest.find((argument) => typeof argument === "function");
  return listen.call(this, { port: Number(first), host: "127.0.0.1" }, callback);
};
