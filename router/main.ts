/** Starts the router of the environment, and stops it by SIGTERM or SIGINT. */
import { compose, createLogger } from "./compose.ts";
import { ConfigError, readConfig, type Config } from "./config.ts";

function configOrExit(): Config {
  let config: Config | undefined;
  try {
    config = readConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
  }
  return config ?? process.exit(78); // EX_CONFIG
}

const config = configOrExit();
const log = createLogger(config.logLevel);
try {
  const router = await compose(config, log);
  console.log(`router ready at ${router.url}`);
  let signals = 0;
  const stop = (): void => {
    signals++;
    if (signals > 1) return; // a terminal and a supervisor may both say it
    router.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, "router: stopping failed; nothing acknowledged is lost");
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  log.error({ err: error }, "router: could not start");
  process.exit(1);
}
