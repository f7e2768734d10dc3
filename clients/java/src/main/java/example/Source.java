package example;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.protobuf.util.JsonFormat;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import splade.v1.Types.Document;
import splade.v1.Types.DocumentId;

/** Documents from a file of JSON lines: `id`, `text`, and all other fields as payload. */
final class Source implements AutoCloseable {
    private static final Pattern UUID = Pattern.compile("(?i)[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}");
    /** A JSON number is read as a double, which loses digits beyond this. */
    private static final double LARGEST = 1L << 53;

    /** A line's number, and its document or why it is none. */
    record Line(long number, Document document, String bad) {}

    private final BufferedReader reader;
    private long number;

    Source(Path path) throws IOException {
        reader = Files.newBufferedReader(path);
    }

    /** Gives the next line that is not blank; null after the last one. */
    Line next() throws IOException {
        String line;
        do {
            line = reader.readLine();
            number++;
        } while (line != null && line.isBlank());
        if (line == null) {
            return null;
        }
        try {
            return new Line(number, parse(line), null);
        } catch (InvalidProtocolBufferException | IllegalArgumentException bad) {
            return new Line(number, null, bad.getMessage());
        }
    }

    private static Document parse(String line) throws InvalidProtocolBufferException {
        Struct.Builder fields = Struct.newBuilder();
        JsonFormat.parser().merge(line, fields);
        Value text = fields.getFieldsOrDefault("text", Value.getDefaultInstance());
        if (!text.hasStringValue()) {
            throw new IllegalArgumentException("its field `text` is not there, or not a string");
        }
        Document.Builder document = Document.newBuilder().setText(text.getStringValue());
        if (fields.containsFields("id")) {
            document.setId(parseId(fields.getFieldsOrThrow("id")));
        }
        return document.setPayload(fields.removeFields("id").removeFields("text")).build();
    }

    private static DocumentId parseId(Value id) {
        double num = id.getNumberValue();
        if (id.hasNumberValue() && num >= 0 && num < LARGEST && num == Math.rint(num)) {
            return DocumentId.newBuilder().setNum((long) num).build();
        }
        if (!id.hasStringValue()) {
            throw new IllegalArgumentException(
                    "`id` is neither a string nor a whole number from 0 to 2^53; give a larger one as a string");
        }
        String name = id.getStringValue();
        DocumentId.Builder made = DocumentId.newBuilder();
        return (UUID.matcher(name).matches() ? made.setUuid(name) : made.setKey(name)).build();
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
        reader.close();
    }
}
