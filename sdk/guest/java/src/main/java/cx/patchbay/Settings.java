// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import java.util.List;
import java.util.Map;

/**
 * The settings an admin has given, which the host has checked by the plugin's schema. What is not there is as the caller
 * says; what is of another type is refused by {@link SettingsException}, which names it.
 */
public final class Settings {
    private final String path;
    private final Map<String, Object> values;

    Settings(String path, Map<String, Object> values) {
        this.path = path;
        this.values = values;
    }

    /** Reads settings from a JSON object. */
    @SuppressWarnings("unchecked")
    public static Settings of(String json) {
        if (Json.parse(json) instanceof Map<?, ?> object) {
            return new Settings("", (Map<String, Object>) object);
        }
        throw new SettingsException("", "settings are one JSON object");
    }

    /** Returns all values: texts, Long, Double, Boolean, lists, maps, or null. */
    public Map<String, Object> all() {
        return values;
    }

    /** Returns a whole number. */
    public long integer(String name, long otherwise) {
        return get(name, Long.class, otherwise, "a whole number");
    }

    /** Returns a number. */
    public double number(String name, double otherwise) {
        return get(name, Number.class, otherwise, "a number").doubleValue();
    }

    /** Returns a text. */
    public String text(String name, String otherwise) {
        return get(name, String.class, otherwise, "a text");
    }

    /** Returns a yes or no. */
    public boolean flag(String name, boolean otherwise) {
        return get(name, Boolean.class, otherwise, "true or false");
    }

    /** Returns a list; empty if it is not there. */
    @SuppressWarnings("unchecked")
    public List<Object> list(String name) {
        return get(name, List.class, List.of(), "a list");
    }

    /** Returns an object; empty if it is not there. */
    @SuppressWarnings("unchecked")
    public Settings object(String name) {
        return new Settings(at(name), get(name, Map.class, Map.of(), "an object"));
    }

    private String at(String name) {
        return path.isEmpty() ? name : path + "." + name;
    }

    private <T> T get(String name, Class<T> type, T otherwise, String wanted) {
        Object value = values.get(name);
        if (value == null) {
            return otherwise;
        }
        if (!type.isInstance(value)) {
            throw new SettingsException(at(name), wanted + " is wanted");
        }
        return type.cast(value);
    }
}
