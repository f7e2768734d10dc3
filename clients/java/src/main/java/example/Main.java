package example;

import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import io.spladesidecar.v1.EncodeRequest;
import io.spladesidecar.v1.EncodedText;
import io.spladesidecar.v1.EncoderServiceGrpc;
import io.spladesidecar.v1.EncodingOptions;
import io.spladesidecar.v1.Hit;
import io.spladesidecar.v1.IndexServiceGrpc;
import io.spladesidecar.v1.IngestOptions;
import io.spladesidecar.v1.PayloadFormat;
import io.spladesidecar.v1.Pruning;
import io.spladesidecar.v1.Query;
import io.spladesidecar.v1.ReturnOptions;
import io.spladesidecar.v1.Role;
import io.spladesidecar.v1.SearchRequest;
import io.spladesidecar.v1.StoredDocument;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import java.util.concurrent.TimeUnit;

/** Example client of splade-sidecar. Reusable parts: Connection, Ingester and Errors. */
public final class Main {
    private static final String USAGE = """
            usage: java -cp 'target/splade-client.jar:target/lib/*' example.Main [flags] COMMAND
              ingest COLLECTION FILE     encode and store the documents of a JSONL file
              search COLLECTION QUERY    find the documents with the highest scores
              encode TEXT...             show the terms with the highest weights of each text
            flags:
              --server ADDRESS           HOST:PORT (127.0.0.1:50051) or unix:///PATH
              --ca FILE                  PEM file of the certificate authority to trust; enables TLS
              --timeout SECONDS          deadline of a search or encode (30)
            The environment variable SPLADE_TOKEN holds the bearer token.""";

    private Main() {}

    public static void main(String[] arguments) {
        String server = "127.0.0.1:50051";
        String caFile = null;
        long timeout = 30_000;
        List<String> remaining = new ArrayList<>(List.of(arguments));
        while (remaining.size() > 1 && remaining.get(0).startsWith("--")) {
            String flag = remaining.remove(0);
            String value = remaining.remove(0);
            switch (flag) {
                case "--server" -> server = value;
                case "--ca" -> caFile = value;
                case "--timeout" -> timeout = (long) (1000 * Double.parseDouble(value));
                default -> usage();
            }
        }
        String command = remaining.isEmpty() ? "" : remaining.remove(0);
        if (remaining.isEmpty() || (!command.equals("encode") && remaining.size() != 2)) {
            usage();
        }
        try (Connection connection = new Connection(server, caFile, System.getenv("SPLADE_TOKEN"))) {
            switch (command) {
                case "ingest" -> ingest(connection, remaining.get(0), Path.of(remaining.get(1)));
                case "search" -> search(connection, timeout, remaining.get(0), remaining.get(1));
                case "encode" -> encode(connection, timeout, remaining);
                default -> usage();
            }
        } catch (Exception error) {
            System.err.println(Errors.describe(error));
            System.exit(1);
        }
    }

    private static void usage() {
        System.err.println(USAGE);
        System.exit(2);
    }

    private static void ingest(Connection connection, String collection, Path file) throws Exception {
        IngestOptions options = IngestOptions.newBuilder().setCollection(collection).setCreateCollection(true).build();
        try (Source source = new Source(file)) {
            Ingester ingester = new Ingester(IndexServiceGrpc.newBlockingV2Stub(connection.channel), options, source, System.err);
            try {
                ingester.run();
            } finally {
                System.out.printf("indexed %d, rejected %d%n", ingester.indexed(), ingester.rejected());
            }
        }
    }

    private static void search(Connection connection, long timeout, String collection, String query) throws Exception {
        var index = IndexServiceGrpc.newBlockingV2Stub(connection.channel).withDeadlineAfter(timeout, TimeUnit.MILLISECONDS);
        var request = SearchRequest.newBuilder()
                .setCollection(collection)
                .setQuery(Query.newBuilder().setText(query))
                .setLimit(5)
                // PAYLOAD_FORMAT_STRUCT would round integers beyond 2^53.
                .setReturnOptions(ReturnOptions.newBuilder().setPayloadFormat(PayloadFormat.PAYLOAD_FORMAT_JSON))
                .build();
        for (Hit hit : index.search(request).getHitsList()) {
            StoredDocument document = hit.getDocument();
            System.out.printf("%.3f\t%s\t%s%n", hit.getScore(), Source.formatId(document.getId()), textOf(document));
        }
    }

    /** Returns the text of a document; empty if the text was not stored. */
    private static String textOf(StoredDocument document) {
        JsonElement payload = JsonParser.parseString(document.getPayloadJson());
        JsonElement text = payload.isJsonObject() ? payload.getAsJsonObject().get(document.getTextField()) : null;
        return text != null && text.isJsonPrimitive() ? text.getAsString() : "";
    }

    private static void encode(Connection connection, long timeout, List<String> texts) throws Exception {
        var encoder = EncoderServiceGrpc.newBlockingV2Stub(connection.channel).withDeadlineAfter(timeout, TimeUnit.MILLISECONDS);
        var request = EncodeRequest.newBuilder()
                .addAllTexts(texts)
                .setRole(Role.ROLE_DOCUMENT)
                .setWithTokens(true)
                .setEncoding(EncodingOptions.newBuilder().setPruning(Pruning.newBuilder().setMaxTerms(8)))
                .build();
        for (EncodedText result : encoder.encode(request).getResultsList()) {
            StringJoiner terms = new StringJoiner(", ");
            for (int i = 0; i < result.getTokensCount(); i++) {
                terms.add("%s %.2f".formatted(result.getTokens(i), result.getVector().getValues(i)));
            }
            System.out.println(terms);
        }
    }
}
