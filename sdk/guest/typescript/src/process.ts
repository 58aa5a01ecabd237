// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

/**
 * A plugin as a process of its own, as the host starts it.
 *
 * The two find each other by the handshake of go-plugin: the host sets a cookie
 * and its certificate in the environment, the plugin prints one line that says
 * where it listens, with its own certificate.
 */

import { rmSync } from "node:fs";
import { createSecureServer, createServer, type Http2Server, type ServerOptions } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { answerCalls } from "./calls";
import { newCertificate } from "./certificate";
import { Instance, MAJOR } from "./instance";
import type { Plugin } from "./plugin";

const COOKIE_KEY = "PATCHBAY_STRATEGY_PLUGIN";
const COOKIE = "b1f6a4d2c0e94f7e8a35";
const WATCH_KEY = "PATCHBAY_WATCH";
const CORE_PROTOCOL = 1;

/**
 * Serves the plugin until the host ends it. Started by hand, it says what it is
 * and exits with status 1.
 *
 * The standard output belongs to the handshake; what the strategy prints goes
 * to the host's log.
 */
export function serve(plugin: Plugin): void {
  const env = process.env;
  if (env[COOKIE_KEY] !== COOKIE) {
    refuse(
      `This is ${plugin.name} ${plugin.version}, a strategy plugin for Patchbay. It is not run by hand: ` +
        `name it in the host's config, or try it with\n\n    patchbay plugin test ${process.argv[1]}`,
    );
  }
  const versions = env.PLUGIN_PROTOCOL_VERSIONS ?? String(MAJOR);
  if (!versions.split(",").includes(String(MAJOR))) {
    refuse(`patchbay: the host speaks versions ${versions} of the contract, this plugin ${MAJOR}`);
  }
  if (env[WATCH_KEY] === "stdin") {
    process.stdin.on("end", () => process.exit(1)).on("error", () => process.exit(1)).resume();
  }
  const output = process.stdout.write.bind(process.stdout);
  process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write;
  const { server, certificate } = newServer(env.PLUGIN_CLIENT_CERT ?? "");
  const folder = env.PLUGIN_UNIX_SOCKET_DIR;
  const path = folder ? join(folder, `plugin${process.pid}`) : "";
  answerCalls(server, new Instance(plugin), () => {
    if (path) {
      rmSync(path, { force: true });
    }
    setTimeout(() => process.exit(0), 200); // once the answer to the call that asked for it is on its way
  });
  server.listen(path ? { path } : { host: "127.0.0.1", port: 0 }, () => {
    const address = path ? `unix|${path}` : `tcp|127.0.0.1:${(server.address() as AddressInfo).port}`;
    output(`${CORE_PROTOCOL}|${MAJOR}|${address}|grpc|${certificate}\n`);
  });
}

function refuse(text: string): never {
  console.error(text);
  process.exit(1);
}

/** Returns a server that lets in the host alone, and its certificate for the handshake. */
function newServer(host: string): { server: Http2Server; certificate: string } {
  const options: ServerOptions = {
    settings: { initialWindowSize: 2 ** 31 - 1 },
    maxSessionMemory: 4096, // in megabytes: as much as the longest frame, and its parts
  };
  if (!host) {
    return { server: createServer(options), certificate: "" };
  }
  const { key, cert, line } = newCertificate();
  const server = createSecureServer({
    ...options, key, cert, ca: host, requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.2",
  });
  server.on("tlsClientError", (error: Error) => console.error("patchbay: connection:", error.message));
  return { server, certificate: line };
}
