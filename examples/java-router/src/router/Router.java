// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package router;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/**
 * A router in Java: it dials a Patchbay host, takes work with those who may be asked, and proposes who has been idle for
 * longest. Only {@link #decide} is about routing; the rest is how a router talks, and needs no packages.
 */
public final class Router {
    private static final Map<String, Object> MANIFEST = Map.of(
            "name", "idle-java", "version", "1.0.0", "view", "candidates", "deterministic", true,
            "reasons", List.of(Map.of("code", 1, "name", "longest_idle", "text", "Idle for longest of those who could take it.")));

    /** After these refusals dialling again cannot help. */
    private static final Set<String> FINAL = Set.of("unauthenticated", "no_common_version", "invalid");

    private final HttpClient client = HttpClient.newHttpClient();
    private final URI url;
    private final String strategy;
    private final String token;
    private final String name;

    private volatile WebSocket line;
    private long pause = 50;
    private long silence;
    private String session = ""; // the resume token
    private long lease;
    private long applied;
    private Map<String, Object> answer; // to the turn applied last
    private boolean returned; // the session was resumed, and no turn has come since

    private Router(String url, String strategy, String token, String name) {
        this.url = URI.create(url);
        this.strategy = strategy;
        this.token = token;
        this.name = name;
    }

    /** Proposes for each item its candidates, who has been idle for longest first. Whoever has no room any more is passed over. */
    private static Map<String, Object> decide(Map<String, Object> frame) {
        List<Map<String, Object>> work = list(frame, "work");
        List<Map<String, Object>> agents = list(frame, "agents");
        List<Object> proposals = new ArrayList<>();
        for (Map<String, Object> item : list(frame, "items")) {
            Map<String, Object> row = work.get((int) number(item, "work"));
            List<Map<String, Object>> candidates = new ArrayList<>();
            list(item, "candidates").forEach(candidate -> candidates.add(agents.get((int) number(candidate, "agent"))));
            candidates.sort(Comparator.comparingLong(agent -> number(agent, "idle_since") == 0 ? number(frame, "now") : number(agent, "idle_since")));
            for (int rank = 0; rank < Math.min(3, candidates.size()); rank++) {
                proposals.add(Map.of("work", row.get("ref"), "revision", row.get("revision"),
                        "agent", candidates.get(rank).get("ref"), "rank", rank, "reason", "longest_idle"));
            }
        }
        return Map.of("proposals", proposals);
    }

    @SuppressWarnings("unchecked")
    private static List<Map<String, Object>> list(Map<String, Object> object, String name) {
        return (List<Map<String, Object>>) object.getOrDefault(name, List.of());
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> object(Map<String, Object> object, String name) {
        return (Map<String, Object>) object.get(name);
    }

    private static long number(Map<String, Object> object, String name) {
        return ((Number) object.getOrDefault(name, 0L)).longValue();
    }

    /** Dials again and again, until it is refused for good. */
    private void run() throws InterruptedException {
        while (true) {
            try {
                connect();
            } catch (RuntimeException lost) {
                System.err.println("the line is lost: " + lost.getMessage());
            }
            if (line != null) {
                line.abort();
            }
            Thread.sleep(ThreadLocalRandom.current().nextLong(pause / 2, pause + 1));
            pause = Math.min(2 * pause, 5000);
        }
    }

    /** Speaks over one connection until it ends, which is an exception. */
    private void connect() throws InterruptedException {
        Inbox inbox = new Inbox();
        line = client.newWebSocketBuilder().connectTimeout(Duration.ofSeconds(10)).buildAsync(url, inbox).join();
        silence = 60_000;
        Map<String, Object> hello = new LinkedHashMap<>(
                Map.of("strategy", strategy, "token", token, "router", name, "manifest", MANIFEST));
        if (!session.isEmpty()) {
            hello.put("resume", Map.of("token", session, "lease", lease, "applied", applied));
        }
        say("hello", hello);
        while (true) {
            String text = inbox.messages.poll(silence, TimeUnit.MILLISECONDS);
            if (text == null || text.isEmpty()) {
                throw new IllegalStateException(text == null ? "the host says nothing" : "the connection has ended");
            }
            Map.Entry<String, Object> message = Json.read(text).entrySet().iterator().next();
            take(message.getKey(), object(Map.of("it", message.getValue()), "it"));
        }
    }

    private void say(String what, Map<String, Object> message) {
        line.sendText(Json.write(Map.of(what, message)), true).join();
    }

    /** Takes one message of the host; those it does not know are passed over. */
    private void take(String what, Map<String, Object> message) {
        switch (what) {
            case "welcome" -> {
                session = (String) message.get("resume_token");
                pause = 50;
                silence = 3 * number(message, "ping_ms");
                if (!(boolean) message.get("resumed") || number(message, "lease") != lease) {
                    lease = 0;
                }
                returned = lease != 0;
            }
            case "lead" -> {
                lease = number(message, "lease");
                applied = 0;
                answer = null;
                returned = false;
                say("configured", Map.of("lease", lease));
            }
            case "ask" -> {
                if (number(message, "lease") == lease) {
                    turn(number(message, "turn"), object(message, "frame"));
                }
            }
            case "ping" -> say("pong", Map.of("number", message.get("number")));
            case "drained" -> lease = number(message, "lease") == lease ? 0 : lease;
            case "notice" -> System.err.println("the host says: " + message.get("code") + " " + message.get("text"));
            case "refused" -> {
                System.err.println("refused: " + message.get("code") + " " + message.get("message"));
                if (FINAL.contains(message.get("code"))) {
                    Runtime.getRuntime().halt(1);
                }
            }
            default -> { }
        }
    }

    /** Answers a turn; one that comes again after a lost line, as before. */
    private void turn(long turn, Map<String, Object> frame) {
        if (!returned || turn != applied || answer == null) {
            answer = decide(frame);
        }
        applied = turn;
        returned = false;
        say("answer", Map.of("lease", lease, "turn", turn, "reply", answer));
    }

    /** Says goodbye, so that another router leads at once. */
    private void leave() {
        WebSocket last = line;
        if (last != null) {
            last.sendText(Json.write(Map.of("leave", Map.of("reason", "the router is told to end"))), true)
                    .orTimeout(1, TimeUnit.SECONDS).exceptionally(lost -> null).join();
        }
    }

    /** Gathers the messages of one connection; the empty one is its end. */
    private static final class Inbox implements WebSocket.Listener {
        private final BlockingQueue<String> messages = new LinkedBlockingQueue<>();
        private final StringBuilder parts = new StringBuilder();

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
            parts.append(data);
            if (last) {
                messages.add(parts.toString());
                parts.setLength(0);
            }
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
            messages.add("");
            return null;
        }

        @Override
        public void onError(WebSocket socket, Throwable error) {
            messages.add("");
        }
    }

    /** Runs the router by what the environment says. */
    public static void main(String[] args) throws InterruptedException {
        Map<String, String> env = System.getenv();
        Router router = new Router(env.getOrDefault("PATCHBAY_URL", "ws://127.0.0.1:7460/v1/routers/session"),
                env.getOrDefault("PATCHBAY_STRATEGY", "vendor"), env.getOrDefault("PATCHBAY_TOKEN", ""),
                env.getOrDefault("PATCHBAY_NAME", "java"));
        Runtime.getRuntime().addShutdownHook(new Thread(router::leave));
        router.run();
    }
}
