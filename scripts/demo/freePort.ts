import { createServer } from "node:net";

const TRIES = 100;

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** The first port from `preferred` on that nothing listens on. */
export async function freePort(preferred: number): Promise<number> {
  for (let port = preferred; port < Math.min(preferred + TRIES, 65_536); port++) {
    if (await isFree(port)) return port;
  }
  throw new Error(`no port is free from ${preferred} on`);
}
