// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import java.io.BufferedInputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.List;
import java.util.Map;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * A plugin as a process of its own, as the host starts it.
 *
 * <p>The two find each other by the handshake of go-plugin: the host sets a cookie and its certificate in the environment,
 * the plugin prints one line that says where it listens, with its own certificate.
 */
public final class Serve {
    private static final String COOKIE_KEY = "PATCHBAY_STRATEGY_PLUGIN";
    private static final String COOKIE = "b1f6a4d2c0e94f7e8a35";
    private static final String WATCH_KEY = "PATCHBAY_WATCH";
    private static final int CORE_PROTOCOL = 1;

    private Serve() {}

    /**
     * Serves the plugin until the host ends it. Started by hand, it says what it is and exits with status 1.
     *
     * <p>The standard output belongs to the handshake; what the strategy prints goes to the host's log.
     *
     * @throws IOException if there is no room on the loopback interface.
     * @throws GeneralSecurityException if this Java lacks what the handshake takes.
     */
    public static void run(Plugin plugin) throws IOException, GeneralSecurityException {
        Map<String, String> env = System.getenv();
        if (!COOKIE.equals(env.get(COOKIE_KEY))) {
            refuse("This is " + plugin.name() + " " + plugin.version() + ", a strategy plugin for Patchbay. It is not run by"
                    + " hand: name it in the host's config, or try it with\n\n    patchbay plugin test FILE");
        }
        String versions = env.getOrDefault("PLUGIN_PROTOCOL_VERSIONS", "1");
        if (!List.of(versions.split(",")).contains(String.valueOf(Instance.MAJOR))) {
            refuse("patchbay: the host speaks versions " + versions + " of the contract, this plugin " + Instance.MAJOR);
        }
        PrintStream output = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        if ("stdin".equals(env.get(WATCH_KEY))) {
            start("watch", Serve::endWithHost);
        }
        warmUp(plugin);
        String host = env.getOrDefault("PLUGIN_CLIENT_CERT", "");
        Certificate own = host.isEmpty() ? null : Certificate.create();
        Calls calls = new Calls(new Instance(plugin), () -> start("end", Serve::endSoon));
        try (ServerSocket listener = listen(host, own)) {
            String line = own == null ? "" : own.line();
            output.println(CORE_PROTOCOL + "|" + Instance.MAJOR + "|tcp|127.0.0.1:" + listener.getLocalPort() + "|grpc|" + line);
            while (true) {
                Socket socket = listener.accept();
                start("connection", () -> talk(socket, calls));
            }
        }
    }

    private static void refuse(String text) {
        System.err.println(text);
        System.exit(1);
    }

    private static void start(String name, Runnable work) {
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        thread.start();
    }

    /** Ends the process when the standard input ends: the host, who holds the other end, is gone. */
    private static void endWithHost() {
        try {
            while (System.in.read() >= 0) {
                // nothing is said there
            }
        } catch (IOException e) {
            // gone as well
        }
        Runtime.getRuntime().halt(1);
    }

    /** Ends the process once the answer to the call that asked for it is on its way. */
    private static void endSoon() {
        try {
            Thread.sleep(200);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        Runtime.getRuntime().halt(0);
    }

    /** Has the classes that turns need loaded, so that the first turn is not the slowest. */
    private static void warmUp(Plugin plugin) {
        Rows.Header header = new Rows.Header(0, 0, Kind.SNAPSHOT.number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        new Instance(plugin).turn(Frame.write(header, List.of()));
        new Reply().write(0, 0);
    }

    /** Returns a listener that lets in the host alone. */
    private static ServerSocket listen(String host, Certificate own) throws IOException, GeneralSecurityException {
        InetAddress local = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
        if (own == null) {
            return new ServerSocket(0, 0, local);
        }
        char[] none = new char[0];
        KeyStore keys = KeyStore.getInstance("PKCS12");
        keys.load(null, null);
        keys.setKeyEntry("own", own.key(), none, new java.security.cert.Certificate[] {own.certificate()});
        KeyManagerFactory mine = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        mine.init(keys, none);
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("host", Certificate.read(host.getBytes(StandardCharsets.US_ASCII)));
        TrustManagerFactory theirs = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        theirs.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(mine.getKeyManagers(), theirs.getTrustManagers(), null);
        SSLServerSocket listener = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0, 0, local);
        SSLParameters parameters = listener.getSSLParameters();
        parameters.setNeedClientAuth(true);
        parameters.setApplicationProtocols(new String[] {"h2"});
        parameters.setProtocols(new String[] {"TLSv1.3", "TLSv1.2"});
        listener.setSSLParameters(parameters);
        return listener;
    }

    /** Serves one connection until it ends. A connection that breaks ends alone. */
    private static void talk(Socket socket, Calls calls) {
        try (socket) {
            socket.setTcpNoDelay(true);
            BufferedInputStream in = new BufferedInputStream(socket.getInputStream(), 1 << 16);
            new Connection(in, socket.getOutputStream(), calls::open, Frame.MAX_BYTES).run();
        } catch (IOException | Hpack.HeaderException e) {
            System.err.println("patchbay: connection: " + e.getMessage());
        }
    }
}
