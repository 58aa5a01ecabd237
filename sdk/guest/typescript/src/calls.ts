// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

/** The calls a host makes to a plugin: gRPC on the HTTP/2 of Node itself. */

import type { Http2Server, IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";

import { MAX_FRAME_BYTES } from "./frame";
import { Code, type Instance, Refusal } from "./instance";
import { Reader, WireError, Writer } from "./wire";

const SERVICE = "/patchbay.strategy.v1.StrategyService/";
const NOTHING = new Uint8Array(0);
const HEALTHY = Uint8Array.of(0x08, 0x01); // grpc.health.v1.HealthCheckResponse: serving

type Answer = (message: Uint8Array) => Uint8Array;

/** Has the server answer calls about one instance. */
export function answerCalls(server: Http2Server, instance: Instance, shutdown: () => void): void {
  const calls: Record<string, Answer> = {
    [SERVICE + "Handshake"]: (m) => instance.handshake(m),
    [SERVICE + "Configure"]: (m) => instance.configure(m),
    [SERVICE + "Drain"]: (m) => instance.drain(m),
    [SERVICE + "Turns"]: (m) => new Writer().bytes(1, instance.turn(frameOf(m))).finish(),
    "/grpc.health.v1.Health/Check": () => HEALTHY,
    "/plugin.GRPCController/Shutdown": () => (shutdown(), NOTHING),
  };
  server.on("session", (session) => {
    session.on("error", (error) => console.error("patchbay: connection:", error.message));
    session.setLocalWindowSize(2 ** 31 - 1);
  });
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    new Call(stream, calls[headers[":path"] ?? ""], headers[":path"] ?? "");
  });
}

/** Returns the frame of a TurnsRequest; what is no message is no frame either, and is answered so. */
function frameOf(message: Uint8Array): Uint8Array {
  try {
    return new Reader(message).bytes(1);
  } catch (error) {
    if (error instanceof WireError) {
      return NOTHING;
    }
    throw error;
  }
}

/** One call under way: a message for a message, until the host has said all. */
class Call {
  private inbox: Uint8Array[] = [];
  private there = 0;
  private code: number = Code.internal;
  private text = "no message came";
  private over = false;

  constructor(private readonly stream: ServerHttp2Stream, private readonly answer: Answer | undefined, path: string) {
    stream.on("error", () => (this.over = true)); // the session tells
    if (!answer) {
      this.end(Code.unimplemented, `there is no ${path}`);
      return;
    }
    stream.on("data", (chunk: Buffer) => this.take(chunk));
    stream.on("end", () => this.end(this.code, this.text));
  }

  private take(chunk: Uint8Array): void {
    this.inbox.push(chunk);
    this.there += chunk.length;
    while (!this.over && this.there >= 5) {
      const length = this.peek();
      if (length > MAX_FRAME_BYTES) {
        return this.end(Code.resourceExhausted, `a message of ${length} bytes`);
      }
      if (this.there < 5 + length) {
        return;
      }
      const all = this.inbox.length === 1 ? this.inbox[0]! : Buffer.concat(this.inbox);
      if (all[0] !== 0) {
        return this.end(Code.unimplemented, "messages are not to be compressed");
      }
      this.inbox = all.length > 5 + length ? [all.subarray(5 + length)] : [];
      this.there = all.length - 5 - length;
      this.tell(all.subarray(5, 5 + length));
    }
  }

  /** Returns the length of the message that begins. */
  private peek(): number {
    if (this.inbox[0]!.length < 5) {
      this.inbox = [Buffer.concat(this.inbox)];
    }
    const head = this.inbox[0]!;
    return new DataView(head.buffer, head.byteOffset).getUint32(1);
  }

  private tell(message: Uint8Array): void {
    let answer: Uint8Array;
    try {
      answer = this.answer!(message);
    } catch (error) {
      const code = error instanceof Refusal ? error.code : Code.internal;
      this.code = code;
      this.text = error instanceof Refusal ? error.message : String(error);
      return;
    }
    this.code = Code.ok;
    this.text = "";
    if (!this.stream.headersSent) {
      this.stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      this.stream.on("wantTrailers", () => this.stream.sendTrailers(this.trailers()));
    }
    const out = Buffer.allocUnsafe(5 + answer.length);
    out[0] = 0;
    out.writeUInt32BE(answer.length, 1);
    out.set(answer, 5);
    this.stream.write(out);
  }

  private trailers(): OutgoingHttpHeaders {
    const message = this.text ? { "grpc-message": encodeURIComponent(this.text) } : {};
    return { "grpc-status": String(this.code), ...message };
  }

  private end(code: number, text: string): void {
    if (this.over || this.stream.destroyed) {
      return;
    }
    this.over = true;
    this.code = code;
    this.text = text;
    if (this.stream.headersSent) {
      this.stream.end();
    } else {
      this.stream.respond({ ":status": 200, "content-type": "application/grpc", ...this.trailers() }, { endStream: true });
    }
  }
}
