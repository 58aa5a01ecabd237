// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.HexFormat;

/**
 * A new key with its certificate, which the key itself has signed, for localhost. Host and plugin give each other a
 * certificate at each start, and trust nobody else. Java signs, but makes no certificates: what is written here is DER
 * (X.690) and X.509 (RFC 5280).
 */
record Certificate(PrivateKey key, X509Certificate certificate) {
    /** Makes a certificate that holds from now on. */
    static Certificate create() throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp256r1"));
        KeyPair pair = generator.generateKeyPair();
        byte[] algorithm = sequence(oid("2a8648ce3d040302")); // ECDSA with SHA-256
        byte[] name = sequence(der(0x31, sequence(oid("550403"), der(0x0c, ascii("localhost")))));
        byte[] serial = new BigInteger(120, new SecureRandom()).setBit(0).toByteArray();
        byte[] body = sequence(
                der(0xa0, bytes(0x02, 0x01, 0x02)), // version 3
                der(0x02, serial),
                algorithm,
                name,
                sequence(time(Instant.now().minusSeconds(60)), der(0x17, ascii("491231235959Z"))),
                name,
                pair.getPublic().getEncoded(),
                der(0xa3, sequence(
                        extension("551d0f", true, bytes(0x03, 0x02, 0x02, 0x8c)), // signature, key agreement, certificates
                        extension("551d25", false, sequence(oid("2b06010505070301"), oid("2b06010505070302"))), // server, client
                        extension("551d13", true, sequence(YES)), // an authority, for itself
                        extension("551d11", false, sequence(der(0x82, ascii("localhost")))))));
        Signature signature = Signature.getInstance("SHA256withECDSA");
        signature.initSign(pair.getPrivate());
        signature.update(body);
        byte[] whole = sequence(body, algorithm, der(0x03, bytes(0), signature.sign()));
        return new Certificate(pair.getPrivate(), read(whole));
    }

    /** Reads a certificate, as DER or PEM. */
    static X509Certificate read(byte[] encoded) throws GeneralSecurityException {
        return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(encoded));
    }

    /** Returns the certificate as the handshake line has it: base64 without padding. */
    String line() throws GeneralSecurityException {
        return Base64.getEncoder().withoutPadding().encodeToString(certificate.getEncoded());
    }

    private static final byte[] YES = bytes(0x01, 0x01, 0xff);

    private static byte[] der(int tag, byte[]... parts) {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            body.writeBytes(part);
        }
        int n = body.size();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(n < 128 ? bytes(tag, n) : n < 256 ? bytes(tag, 0x81, n) : bytes(tag, 0x82, n >> 8, n & 255));
        out.writeBytes(body.toByteArray());
        return out.toByteArray();
    }

    private static byte[] sequence(byte[]... parts) {
        return der(0x30, parts);
    }

    private static byte[] oid(String hex) {
        return der(0x06, HexFormat.of().parseHex(hex));
    }

    private static byte[] extension(String id, boolean critical, byte[] value) {
        return sequence(oid(id), critical ? YES : new byte[0], der(0x04, value));
    }

    private static byte[] time(Instant at) {
        return der(0x17, ascii(DateTimeFormatter.ofPattern("yyMMddHHmmss'Z'").withZone(ZoneOffset.UTC).format(at)));
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    private static byte[] bytes(int... values) {
        byte[] out = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            out[i] = (byte) values[i];
        }
        return out;
    }
}
