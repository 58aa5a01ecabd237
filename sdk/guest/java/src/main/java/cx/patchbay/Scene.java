// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import cx.patchbay.Rows.Agent;
import cx.patchbay.Rows.AgentFlags;
import cx.patchbay.Rows.Attribute;
import cx.patchbay.Rows.Channel;
import cx.patchbay.Rows.Model;
import cx.patchbay.Rows.Need;
import cx.patchbay.Rows.Note;
import cx.patchbay.Rows.Proposal;
import cx.patchbay.Rows.Queue;
import cx.patchbay.Rows.Skill;
import cx.patchbay.Rows.Span;
import cx.patchbay.Rows.Word;
import cx.patchbay.Rows.Work;
import cx.patchbay.Rows.WorkState;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Tests of strategies that decide on candidates, without a host.
 *
 * <pre>{@code
 * Scene scene = new Scene(PLUGIN, "{\"bonus\": 100}");
 * scene.agent("anna").skill("german", 3);
 * scene.agent("bert");
 * scene.work("w1", "anna", "bert").attribute("tier", "gold");
 * assertEquals(List.of("bert", "anna"), scene.play().offers().get("w1"));
 * }</pre>
 *
 * A scene is written as the frame that a host would send, and answered by the same code that serves a host.
 */
public final class Scene {
    /** The time of a scene if it is not said: 2026-01-01, in Unix milliseconds. */
    public static final long NOW = 1_767_225_600_000L;

    private static final int FEATURE_CANDIDATES = 4;

    private final Plugin plugin;
    private final Instance instance;
    private long now = NOW;
    private long seed = 1;
    private final List<Person> people = new ArrayList<>();
    private final List<Job> jobs = new ArrayList<>();

    /** What the strategy said: for each work whom it is offered to, best first; reasons by work; when to wake, or 0. */
    public record Answer(Map<String, List<String>> offers, Map<String, String> reasons, long wakeAt) {}

    /** Begins a scene. Throws {@link SettingsException} if the strategy refuses its settings. */
    public Scene(Plugin plugin, String settings) {
        this.plugin = plugin;
        this.instance = new Instance(plugin);
        instance.handshake(new Wire.Writer().numbers(2, List.of(FEATURE_CANDIDATES)).number(5, 1).finish());
        byte[] request = new Wire.Writer().number(1, 1).bytes(2, settings.getBytes(StandardCharsets.UTF_8)).finish();
        byte[] said = new Wire.Reader(instance.configure(request)).bytes(2);
        if (said.length > 0) {
            Wire.Reader diagnostic = new Wire.Reader(said);
            throw new SettingsException(
                    new String(diagnostic.bytes(2), StandardCharsets.UTF_8),
                    new String(diagnostic.bytes(3), StandardCharsets.UTF_8));
        }
    }

    /** Begins a scene with default settings. */
    public Scene(Plugin plugin) {
        this(plugin, "{}");
    }

    /** Sets the seed of the turn. */
    public Scene seed(long seed) {
        this.seed = seed;
        return this;
    }

    /** An agent of the scene. */
    public static final class Person {
        private final String name;
        private final Map<String, Double> skills = new LinkedHashMap<>();
        private double capacity = 1;
        private int open;
        private double idle;

        private Person(String name) {
            this.name = name;
        }

        /** Gives the agent a skill at a level. */
        public Person skill(String skill, double level) {
            skills.put(skill, level);
            return this;
        }

        /** Sets the capacity; it is 1. */
        public Person capacity(double capacity) {
            this.capacity = capacity;
            return this;
        }

        /** Sets how many assignments are offered or open. */
        public Person open(int open) {
            this.open = open;
            return this;
        }

        /** Sets for how many seconds the agent has held nothing. */
        public Person idle(double seconds) {
            this.idle = seconds;
            return this;
        }
    }

    /** Work of the scene. */
    public static final class Job {
        private final String name;
        private final List<String> candidates;
        private final Map<String, Double> needs = new LinkedHashMap<>();
        private final Map<String, String> attributes = new LinkedHashMap<>();
        private String queue = "support";
        private double age;
        private int priority;

        private Job(String name, List<String> candidates) {
            this.name = name;
            this.candidates = candidates;
        }

        /** Says what the work requires. */
        public Job need(String skill, double level) {
            needs.put(skill, level);
            return this;
        }

        /** Gives the work an attribute. */
        public Job attribute(String name, String value) {
            attributes.put(name, value);
            return this;
        }

        /** Sets the queue; it is "support". */
        public Job queue(String queue) {
            this.queue = queue;
            return this;
        }

        /** Sets for how many seconds the customer has waited. */
        public Job age(double seconds) {
            this.age = seconds;
            return this;
        }

        /** Sets the priority; 0 is the highest. */
        public Job priority(int priority) {
            this.priority = priority;
            return this;
        }
    }

    /** Adds an agent. */
    public Person agent(String name) {
        people.add(new Person(name));
        return people.get(people.size() - 1);
    }

    /** Adds work to decide on, with its candidates in the host's order. */
    public Job work(String name, String... candidates) {
        jobs.add(new Job(name, List.of(candidates)));
        return jobs.get(jobs.size() - 1);
    }

    /** Plays the turn. Throws {@link IllegalStateException} with what the strategy said if it fails. */
    public Answer play() {
        Frame got = new Frame(answer(frame()));
        if (got.header.status() != Status.OK.ordinal()) {
            throw new IllegalStateException(
                    Status.values()[got.header.status()] + ": " + new String(got.bytes(), StandardCharsets.UTF_8));
        }
        Map<String, List<String>> offers = new LinkedHashMap<>();
        jobs.forEach(job -> offers.put(job.name, new ArrayList<>()));
        Map<String, String> reasons = new HashMap<>();
        List<Proposal> proposals =
                new ArrayList<>(got.rows(Proposal.TABLE, Frame.PUT, Proposal.SIZE, Proposal::read));
        proposals.sort(Comparator.comparingInt(Proposal::rank));
        for (Proposal p : proposals) {
            String work = jobs.get((int) p.work() - 1).name;
            offers.get(work).add(people.get((int) p.agent() - 1).name);
            if (p.reason() != 0) {
                reasons.putIfAbsent(work, reason(p.reason()));
            }
        }
        for (Note n : got.rows(Note.TABLE, Frame.PUT, Note.SIZE, Note::read)) {
            reasons.put(jobs.get((int) n.work() - 1).name, reason(n.reason()));
        }
        return new Answer(offers, reasons, got.header.seed());
    }

    /** Answers a frame as the plugin would. */
    byte[] answer(byte[] frame) {
        return instance.turn(frame);
    }

    private String reason(int code) {
        return plugin.reasons().stream().filter(r -> r.code() == code).findFirst().orElseThrow().name();
    }

    /** Returns the turn as a frame. */
    byte[] frame() {
        return new Script().write();
    }

    /** The rows of one frame in the making. */
    private final class Script {
        final List<Word> words = new ArrayList<>();
        final List<Queue> queues = new ArrayList<>();
        final List<Agent> agents = new ArrayList<>();
        final List<Work> work = new ArrayList<>();
        final List<Rows.Item> items = new ArrayList<>();
        final List<Rows.Candidate> candidates = new ArrayList<>();
        final List<Skill> skills = new ArrayList<>();
        final List<Need> needs = new ArrayList<>();
        final List<Attribute> attributes = new ArrayList<>();
        final ByteArrayOutputStream text = new ByteArrayOutputStream();
        final Map<String, Integer> ids = new HashMap<>();
        final List<String> queueNames = new ArrayList<>();

        byte[] write() {
            Channel channel = new Channel(0, word("case"));
            people.forEach(this::add);
            jobs.forEach(this::add);
            Rows.Header header = new Rows.Header(0, 0, Kind.CANDIDATES.number, 0, 0, 0, 0, 1, 1, 0, now, seed, 0, 0);
            return Frame.write(header, List.of(
                    Frame.part(Word.TABLE, Frame.PUT, Word.SIZE, words, Word::write),
                    Frame.part(Channel.TABLE, Frame.PUT, Channel.SIZE, List.of(channel), Channel::write),
                    Frame.part(Queue.TABLE, Frame.PUT, Queue.SIZE, queues, Queue::write),
                    Frame.part(Agent.TABLE, Frame.PUT, Agent.SIZE, agents, Agent::write),
                    Frame.part(Work.TABLE, Frame.PUT, Work.SIZE, work, Work::write),
                    Frame.part(Rows.Item.TABLE, Frame.PUT, Rows.Item.SIZE, items, Rows.Item::write),
                    Frame.part(Rows.Candidate.TABLE, Frame.PUT, Rows.Candidate.SIZE, candidates, Rows.Candidate::write),
                    Frame.part(Skill.TABLE, Frame.PUT, Skill.SIZE, skills, Skill::write),
                    Frame.part(Need.TABLE, Frame.PUT, Need.SIZE, needs, Need::write),
                    Frame.part(Attribute.TABLE, Frame.PUT, Attribute.SIZE, attributes, Attribute::write),
                    Frame.bytesPart(text.toByteArray())));
        }

        private void add(Person p) {
            Span held = new Span(skills.size(), p.skills.size());
            p.skills.forEach((name, level) -> skills.add(new Skill(word(name), milli(level))));
            long idleSince = p.open > 0 ? 0 : now - milli(p.idle);
            agents.add(new Agent(agents.size() + 1, 1, 1, word(p.name), 1, word("available"), AgentFlags.CONNECTED, p.open,
                    milli(p.capacity), 0, idleSince, 0, 0, Span.NONE, held, 1000, 0, 0, 0, 0, 0));
        }

        private void add(Job j) {
            Span wanted = new Span(needs.size(), j.needs.size());
            j.needs.forEach((name, level) -> needs.add(new Need(word(name), milli(level), 0, 0)));
            Span said = new Span(attributes.size(), j.attributes.size());
            j.attributes.forEach((name, value) -> attributes.add(new Attribute(word(name), bytes(value))));
            int number = work.size() + 1;
            work.add(new Work(number, 1, 1, queue(j.queue), number, now - milli(j.age), 0, j.priority, 0, 1000, 0,
                    WorkState.WAITING, 0, 0, 0, 0, wanted, Span.NONE, said, 0, 0, 0, 0));
            items.add(new Rows.Item(number - 1, new Span(candidates.size(), j.candidates.size())));
            for (String name : j.candidates) {
                candidates.add(new Rows.Candidate(people.stream().map(p -> p.name).toList().indexOf(name), 1000));
            }
        }

        private int milli(double n) {
            return (int) Math.round(n * 1000);
        }

        private Span bytes(String value) {
            byte[] raw = value.getBytes(StandardCharsets.UTF_8);
            Span span = new Span(text.size(), raw.length);
            text.writeBytes(raw);
            return span;
        }

        private int word(String value) {
            Integer id = ids.get(value);
            if (id == null) {
                id = ids.size() + 1;
                ids.put(value, id);
                words.add(new Word(id, bytes(value)));
            }
            return id;
        }

        private int queue(String name) {
            if (!queueNames.contains(name)) {
                queues.add(new Queue(queueNames.size(), 1, 1, word(name), Model.LONGEST_IDLE, 0, 0, 0, 0));
                queueNames.add(name);
            }
            return queueNames.indexOf(name);
        }
    }
}
