package example;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.JsonWriter;
import com.google.gson.stream.MalformedJsonException;
import io.spladesidecar.v1.Document;
import io.spladesidecar.v1.DocumentId;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.regex.Pattern;

/** Documents from a JSONL file: `id`, `text`, and all other fields as payload. */
final class Source implements AutoCloseable {
    /** Maximum size of a document and of its line, so that a request stays below --max-message-bytes (32 MiB). */
    private static final int MAX_DOCUMENT_BYTES = 30 << 20;

    private static final Pattern BLANK = Pattern.compile("[ \t\r]*");
    private static final Pattern UUID = Pattern.compile("(?i)[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}");
    private static final Pattern DIGITS = Pattern.compile("[0-9]{1,20}");

    /** A line of the file with its number, and its document or its error in the format of a rejection by the server. */
    record Line(long number, Document document, String bad) {}

    private static final class BadLine extends Exception {
        BadLine(String field, String reason) {
            super(formatRejection("MALFORMED_DOCUMENT", field, reason));
        }
    }

    static String formatRejection(String reason, String field, String message) {
        return field.isEmpty() ? reason + ": " + message : reason + " " + field + ": " + message;
    }

    private final InputStream file;
    private long number;

    Source(Path path) throws IOException {
        file = new BufferedInputStream(Files.newInputStream(path), 1 << 16);
    }

    /** Returns the next line that is not blank; null after the last one. */
    Line next() throws IOException {
        for (byte[] line = readLine(); line != null; line = readLine()) {
            number++;
            try {
                String text = decode(line);
                if (number == 1 && text.startsWith("\ufeff")) {
                    text = text.substring(1);
                }
                if (!BLANK.matcher(text).matches()) {
                    return new Line(number, parse(text), null);
                }
            } catch (BadLine bad) {
                return new Line(number, null, bad.getMessage());
            }
        }
        return null;
    }

    /** Reads a line; null after the last one. Discards the end of a line that is too long. */
    private byte[] readLine() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        int next = file.read();
        if (next < 0) {
            return null;
        }
        for (; next >= 0 && next != '\n'; next = file.read()) {
            if (line.size() <= MAX_DOCUMENT_BYTES) {
                line.write(next);
            }
        }
        return line.toByteArray();
    }

    /** Decodes UTF-8. Rejects invalid bytes, which `new String` would replace with U+FFFD. */
    private static String decode(byte[] line) throws BadLine {
        if (line.length > MAX_DOCUMENT_BYTES) {
            throw new BadLine("", "the line has more than " + MAX_DOCUMENT_BYTES + " bytes");
        }
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(line)).toString();
        } catch (CharacterCodingException bad) {
            throw new BadLine("", "the line is not valid UTF-8");
        }
    }

    private static Document parse(String line) throws BadLine {
        Document.Builder document = Document.newBuilder();
        StringWriter payload = new StringWriter();
        try (JsonReader in = new JsonReader(new StringReader(line)); JsonWriter out = new JsonWriter(payload)) {
            in.setStrictness(Strictness.STRICT);
            parse(in, document, out);
        } catch (IOException | IllegalStateException bad) {
            throw new BadLine("", "not a JSON object: " + bad.getMessage().lines().findFirst().orElse(""));
        }
        document.setPayloadJson(wellFormed(payload.toString()));
        int size = document.build().getSerializedSize();
        if (size > MAX_DOCUMENT_BYTES) {
            throw new BadLine("", "the document has " + size + " bytes; the maximum is " + MAX_DOCUMENT_BYTES);
        }
        return document.build();
    }

    private static void parse(JsonReader in, Document.Builder document, JsonWriter payload) throws IOException, BadLine {
        Set<String> keys = new HashSet<>();
        in.beginObject();
        payload.beginObject();
        while (in.hasNext()) {
            String key = in.nextName();
            if (!keys.add(key)) {
                throw new BadLine(wellFormed(key), "duplicate key; remove one");
            }
            if (key.equals("id")) {
                parseId(in, document);
            } else if (!key.equals("text")) {
                copy(in, payload.name(key));
            } else if (in.peek() == JsonToken.STRING) {
                document.setText(wellFormed(in.nextString()));
            } else {
                throw new BadLine("text", "must be a string");
            }
        }
        in.endObject();
        payload.endObject();
        if (in.peek() != JsonToken.END_DOCUMENT) {
            throw new MalformedJsonException("text after the object");
        }
        if (!keys.contains("text")) {
            throw new BadLine("text", "required");
        }
    }

    /** Copies a value with its numbers verbatim: a double would round integers beyond 2^53. */
    private static void copy(JsonReader in, JsonWriter out) throws IOException {
        int depth = 0;
        do {
            switch (in.peek()) {
                case BEGIN_OBJECT -> {
                    in.beginObject();
                    out.beginObject();
                    depth++;
                }
                case END_OBJECT -> {
                    in.endObject();
                    out.endObject();
                    depth--;
                }
                case BEGIN_ARRAY -> {
                    in.beginArray();
                    out.beginArray();
                    depth++;
                }
                case END_ARRAY -> {
                    in.endArray();
                    out.endArray();
                    depth--;
                }
                case NAME -> out.name(in.nextName());
                case STRING -> out.value(in.nextString());
                case NUMBER -> out.jsonValue(in.nextString());
                case BOOLEAN -> out.value(in.nextBoolean());
                case NULL -> {
                    in.nextNull();
                    out.nullValue();
                }
                case END_DOCUMENT -> throw new MalformedJsonException("unexpected end");
            }
        } while (depth > 0);
    }

    /** Rejects lone surrogates, which protobuf would replace with a question mark. */
    private static String wellFormed(String text) throws BadLine {
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw new BadLine("", "a string has a lone surrogate (\\ud800 to \\udfff); remove it or write the whole pair");
        }
        return text;
    }

    private static BadLine badId() {
        return new BadLine("id", "must be an integer from 0 to 2^64-1, a string, or one of "
                + "{\"num\": ...}, {\"uuid\": ...}, {\"key\": ...}");
    }

    /** Sets the id of a document unless it is null, in which case the server makes one. */
    private static void parseId(JsonReader in, Document.Builder document) throws IOException, BadLine {
        switch (in.peek()) {
            case NULL -> in.nextNull();
            case NUMBER -> document.getIdBuilder().setNum(parseNum(in.nextString()));
            case STRING -> {
                String name = wellFormed(in.nextString());
                DocumentId.Builder id = document.getIdBuilder();
                id = UUID.matcher(name).matches() ? id.setUuid(name) : id.setKey(name);
            }
            case BEGIN_OBJECT -> parseExplicitId(in, document.getIdBuilder());
            default -> throw badId();
        }
    }

    /** Parses an id in the form of a DocumentId, such as {"key": "7"}. */
    private static void parseExplicitId(JsonReader in, DocumentId.Builder id) throws IOException, BadLine {
        in.beginObject();
        String kind = in.hasNext() ? in.nextName() : "";
        boolean isString = in.peek() == JsonToken.STRING;
        if (!isString && in.peek() != JsonToken.NUMBER) {
            throw badId();
        }
        String value = wellFormed(in.nextString());
        if (kind.equals("num") && (!isString || DIGITS.matcher(value).matches())) {
            id.setNum(parseNum(value));
        } else if (kind.equals("uuid") && isString) {
            id.setUuid(value);
        } else if (kind.equals("key") && isString) {
            id.setKey(value);
        } else {
            throw badId();
        }
        if (in.hasNext()) {
            throw badId();
        }
        in.endObject();
    }

    /** Parses an integer from its digits, since a double would round it beyond 2^53. 7.0 and 1e3 are integers too. */
    private static long parseNum(String text) throws BadLine {
        if (DIGITS.matcher(text).matches()) {
            BigInteger num = new BigInteger(text);
            if (num.bitLength() <= Long.SIZE) {
                return num.longValue(); // protobuf's uint64 is an unsigned long in Java
            }
        }
        double num = Double.parseDouble(text);
        if (num < 0 || num >= 1L << 53 || num != Math.rint(num)) {
            throw badId();
        }
        return (long) num;
    }

    static String formatId(DocumentId id) {
        return switch (id.getKindCase()) {
            case NUM -> Long.toUnsignedString(id.getNum());
            case UUID -> id.getUuid();
            case KEY -> id.getKey();
            case KIND_NOT_SET -> "";
        };
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
