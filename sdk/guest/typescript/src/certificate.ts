// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

/**
 * A certificate for one start of a plugin. Host and plugin give each other a
 * certificate at each start, and trust nobody else. Node signs, but makes no
 * certificates: what is written here is DER (X.690) and X.509 (RFC 5280).
 */

import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const n = body.length;
  const length = n < 128 ? [n] : n < 256 ? [0x81, n] : [0x82, n >> 8, n & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

const sequence = (...parts: Uint8Array[]) => der(0x30, ...parts);
const oid = (hex: string) => der(0x06, Buffer.from(hex, "hex"));
const bits = (data: Uint8Array) => der(0x03, Buffer.of(0), data);
const yes = Buffer.of(0x01, 0x01, 0xff);

function extension(id: string, value: Uint8Array, critical = false): Buffer {
  return sequence(oid(id), critical ? yes : Buffer.alloc(0), der(0x04, value));
}

function time(at: Date): Buffer {
  return der(0x17, Buffer.from(at.toISOString().replace(/[-:T]/g, "").slice(2, 14) + "Z"));
}

/** A new key with its certificate, which the key itself has signed, for localhost. */
export interface Certificate {
  /** The key, as PEM. */
  readonly key: string;
  /** The certificate, as PEM. */
  readonly cert: string;
  /** The certificate as the handshake line has it: base64 without padding. */
  readonly line: string;
}

/** Makes a certificate that holds from now on. */
export function newCertificate(): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = sequence(oid("2a8648ce3d040302")); // ECDSA with SHA-256
  const name = sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from("localhost")))));
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x3f) | 0x40; // positive, and no zeros in front
  const body = sequence(
    der(0xa0, Buffer.of(0x02, 0x01, 0x02)), // version 3
    der(0x02, serial),
    algorithm,
    name,
    sequence(time(new Date(Date.now() - 60_000)), der(0x17, Buffer.from("491231235959Z"))),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(
      0xa3,
      sequence(
        extension("551d0f", Buffer.of(0x03, 0x02, 0x02, 0x8c), true), // signature, key agreement, certificates
        extension("551d25", sequence(oid("2b06010505070301"), oid("2b06010505070302"))), // server, client
        extension("551d13", sequence(yes), true), // an authority, for itself
        extension("551d11", sequence(der(0x82, Buffer.from("localhost")))),
      ),
    ),
  );
  const whole = sequence(body, algorithm, bits(sign("sha256", body, privateKey)));
  const text = whole.toString("base64");
  return {
    key: privateKey.export({ type: "sec1", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${text.match(/.{1,64}/g)!.join("\n")}\n-----END CERTIFICATE-----\n`,
    line: text.replace(/=+$/, ""),
  };
}
