package org.nlogo.headless;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;

/**
 * What l2l uses of NetLogo's workspace without windows, for machines where no NetLogo can be installed: a small part of
 * the language, so that a model file which NetLogo runs is run here too, with another generator of random numbers.
 */
public class HeadlessWorkspace {
    final Map<String, Object> globals = new HashMap<>();
    final Map<String, String> procedures = new HashMap<>();
    final Map<String, Double> cleared = new HashMap<>();
    Random random = new Random(0);
    double ticks;
    private final CountDownLatch disposed = new CountDownLatch(1);

    /** As in NetLogo, a thread keeps Java alive until the workspace is disposed of. */
    private HeadlessWorkspace() {
        new Thread(() -> {
            try {
                disposed.await();
            } catch (InterruptedException error) {
                Thread.currentThread().interrupt();
            }
        }).start();
    }

    public static HeadlessWorkspace newInstance() {
        return new HeadlessWorkspace();
    }

    public void open(String path) throws IOException {
        String[] parts = Files.readString(Path.of(path)).split("@#\\$#@#\\$#@\n");
        if (parts.length < 11) {
            throw new IllegalStateException("expected 11 sections, got " + parts.length);
        }
        for (String widget : parts[1].split("\n\\s*\n")) {
            declare(widget.strip().split("\n"));
        }
        String code = parts[0].replaceAll(";[^\n]*", "");
        int start = code.indexOf("globals [");
        if (start >= 0) {
            for (String name : code.substring(start + 9, code.indexOf(']', start)).strip().split("\\s+")) {
                globals.put(name, 0.0);
                cleared.put(name, 0.0);
            }
        }
        var procedure = java.util.regex.Pattern.compile("^to (\\S+)\n(.*?)^end", 8 | 32).matcher(code);
        while (procedure.find()) {
            procedures.put(procedure.group(1), procedure.group(2));
        }
        for (String text : procedures.values()) {
            new Program(this, text).commands();
        }
    }

    private void declare(String[] lines) {
        switch (lines[0]) {
            case "SLIDER" -> globals.put(lines[6], Double.valueOf(lines[9]));
            case "SWITCH" -> globals.put(lines[6], lines[7].equals("0"));
            case "CHOOSER" -> globals.put(lines[6], lines[7].split("\"")[1 + 2 * Integer.parseInt(lines[8])]);
            case "INPUTBOX" -> globals.put(lines[5], Double.valueOf(lines[6]));
            default -> { }
        }
    }

    public void command(String text) {
        new Program(this, text).commands().run();
    }

    public Object report(String text) {
        return new Program(this, text).reporter().get();
    }

    public void dispose() {
        disposed.countDown();
    }
}

/** As NetLogo throws it where a text does not compile. */
class CompilerException extends RuntimeException {
    CompilerException(String message) {
        super(message);
    }
}

/** As NetLogo throws it where a program fails. */
class EngineException extends RuntimeException {
    EngineException(String message) {
        super(message);
    }
}

/** An agent, as far as reporters can meet one here. */
record Patch(long x, long y) {
    @Override
    public String toString() {
        return "(patch " + x + " " + y + ")";
    }
}

/** A text of the language, compiled. */
final class Program {
    private static final List<List<String>> OPERATORS =
        List.of(List.of("and", "or"), List.of("<", ">", "=", "!="), List.of("+", "-"), List.of("*", "/"));

    interface Reporter {
        Object get();
    }

    private final HeadlessWorkspace world;
    private final List<String> tokens = new ArrayList<>();
    private final Map<String, Object> local = new HashMap<>();
    private int next;

    Program(HeadlessWorkspace world, String text) {
        this.world = world;
        var found = java.util.regex.Pattern.compile("\"(?:\\\\.|[^\"\\\\])*\"|[\\[\\]()]|[^\\s\\[\\]()\"]+")
            .matcher(text.replaceAll(";[^\n]*", ""));
        while (found.find()) {
            tokens.add(found.group());
        }
    }

    Runnable commands() {
        Runnable all = block();
        if (next < tokens.size()) {
            throw new CompilerException("Expected command.");
        }
        return all;
    }

    Reporter reporter() {
        Reporter value = expression(0);
        if (next < tokens.size()) {
            throw new CompilerException("Expected end of reporter.");
        }
        return value;
    }

    private String take() {
        if (next == tokens.size()) {
            throw new CompilerException("Unexpected end of text.");
        }
        return tokens.get(next++);
    }

    private void expect(String token) {
        if (!take().equals(token)) {
            throw new CompilerException("Expected " + token);
        }
    }

    private boolean follows(String token) {
        return next < tokens.size() && tokens.get(next).equals(token);
    }

    private Runnable block() {
        List<Runnable> all = new ArrayList<>();
        while (next < tokens.size() && !follows("]")) {
            all.add(statement(take()));
        }
        return () -> all.forEach(Runnable::run);
    }

    private Runnable bracketed() {
        expect("[");
        Runnable inner = block();
        expect("]");
        return inner;
    }

    private Reporter bracketedReporter() {
        expect("[");
        Reporter inner = expression(0);
        expect("]");
        return inner;
    }

    private Runnable statement(String word) {
        switch (word) {
            case "set", "let": {
                String name = take();
                if (word.equals("let")) {
                    local.put(name, 0.0);
                } else if (!local.containsKey(name) && !world.globals.containsKey(name)) {
                    throw undefined(name);
                }
                Reporter value = expression(0);
                Map<String, Object> place = local.containsKey(name) ? local : world.globals;
                return () -> place.put(name, value.get());
            }
            case "if": {
                Reporter condition = expression(0);
                Runnable inner = bracketed();
                return () -> {
                    if (truth(condition)) {
                        inner.run();
                    }
                };
            }
            case "while": {
                Reporter condition = bracketedReporter();
                Runnable inner = bracketed();
                return () -> {
                    while (truth(condition)) {
                        inner.run();
                    }
                };
            }
            case "repeat": {
                Reporter times = expression(0);
                Runnable inner = bracketed();
                return () -> {
                    for (double left = number(times); left > 0; left--) {
                        inner.run();
                    }
                };
            }
            case "print": {
                Reporter value = expression(0);
                return () -> System.out.println(value.get());
            }
            case "random-seed": {
                Reporter seed = expression(0);
                return () -> world.random = new Random((long) number(seed));
            }
            case "clear-all", "reset-ticks":
                return () -> {
                    world.ticks = 0.0;
                    if (word.equals("clear-all")) {
                        world.globals.putAll(world.cleared);
                    }
                };
            case "tick":
                return () -> world.ticks++;
            default:
                if (!world.procedures.containsKey(word)) {
                    throw undefined(word);
                }
                return () -> new Program(world, world.procedures.get(word)).commands().run();
        }
    }

    private Reporter expression(int level) {
        if (level == OPERATORS.size()) {
            return operand(take());
        }
        Reporter left = expression(level + 1);
        while (next < tokens.size() && OPERATORS.get(level).contains(tokens.get(next))) {
            left = combined(take(), left, expression(level + 1));
        }
        return left;
    }

    private static Reporter combined(String operator, Reporter left, Reporter right) {
        return switch (operator) {
            case "and" -> () -> truth(left) && truth(right);
            case "or" -> () -> truth(left) || truth(right);
            case "<" -> () -> number(left) < number(right);
            case ">" -> () -> number(left) > number(right);
            case "=" -> () -> left.get().equals(right.get());
            case "!=" -> () -> !left.get().equals(right.get());
            case "+" -> () -> number(left) + number(right);
            case "-" -> () -> number(left) - number(right);
            case "*" -> () -> number(left) * number(right);
            default -> () -> {
                if (number(right) == 0.0) {
                    throw new EngineException("Division by zero");
                }
                return number(left) / number(right);
            };
        };
    }

    private Reporter operand(String word) {
        if (word.matches("-?\\.?\\d.*")) {
            Double value = Double.valueOf(word);
            return () -> value;
        }
        if (word.startsWith("\"")) {
            return () -> word.substring(1, word.length() - 1).translateEscapes();
        }
        switch (word) {
            case "(": {
                Reporter inner = follows("list") ? list() : expression(0);
                expect(")");
                return inner;
            }
            case "[": {
                List<Reporter> entries = new ArrayList<>();
                while (!follows("]")) {
                    entries.add(operand(take()));
                }
                expect("]");
                return () -> values(entries);
            }
            case "true", "false":
                return () -> word.equals("true");
            case "ticks":
                return () -> world.ticks;
            case "netlogo-version":
                return () -> "0.0 (double)";
            case "not": {
                Reporter value = expression(OPERATORS.size());
                return () -> !truth(value);
            }
            case "random-float": {
                Reporter limit = expression(2);
                return () -> world.random.nextDouble() * number(limit);
            }
            case "patch": {
                Reporter x = expression(2), y = expression(2);
                return () -> new Patch((long) number(x), (long) number(y));
            }
            case "sentence": {
                Reporter one = expression(2), other = expression(2);
                return () -> {
                    List<Object> joined = new ArrayList<>((List<?>) one.get());
                    joined.addAll((List<?>) other.get());
                    return joined;
                };
            }
            case "ifelse-value": {
                Reporter condition = expression(0), yes = bracketedReporter(), no = bracketedReporter();
                return () -> truth(condition) ? yes.get() : no.get();
            }
            default:
                if (local.containsKey(word)) {
                    return () -> local.get(word);
                }
                if (!world.globals.containsKey(word)) {
                    throw undefined(word);
                }
                return () -> world.globals.get(word);
        }
    }

    private Reporter list() {
        take();
        List<Reporter> entries = new ArrayList<>();
        while (!follows(")")) {
            entries.add(expression(0));
        }
        return () -> values(entries);
    }

    private static List<Object> values(List<Reporter> entries) {
        List<Object> found = new ArrayList<>();
        entries.forEach(entry -> found.add(entry.get()));
        return found;
    }

    private static double number(Reporter value) {
        return value.get() instanceof Double found ? found : wrong("number");
    }

    private static boolean truth(Reporter value) {
        if (value.get() instanceof Boolean found) {
            return found;
        }
        throw new EngineException("expected input to be TRUE/FALSE");
    }

    private static double wrong(String kind) {
        throw new EngineException("expected input to be a " + kind);
    }

    private static CompilerException undefined(String name) {
        return new CompilerException("Nothing named " + name.toUpperCase() + " has been defined");
    }
}
