package example;

import io.grpc.ChannelCredentials;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.TlsChannelCredentials;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;
import io.netty.channel.IoEventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.unix.DomainSocketAddress;
import java.io.File;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A channel that connects on the first call and reconnects when the connection is lost. Use one connection for all calls. */
final class Connection implements AutoCloseable {
    private static final int MAX_MESSAGE_BYTES = 32 << 20;

    /**
     * Calls that gRPC retries when the server is at capacity or unavailable. Ingest is not one of them: a stream is
     * resumed, not repeated (Ingester).
     */
    private static final Map<String, Object> RETRY_POLICY = Map.of("methodConfig", List.of(Map.of(
            "name", List.of(
                    Map.of("service", "splade_sidecar.v1.EncoderService"),
                    Map.of("service", "splade_sidecar.v1.IndexService", "method", "Search")),
            "retryPolicy", Map.of(
                    "maxAttempts", 4.0,
                    "initialBackoff", "0.2s",
                    "maxBackoff", "2s",
                    "backoffMultiplier", 2.0,
                    "retryableStatusCodes", List.of("UNAVAILABLE", "RESOURCE_EXHAUSTED")))));

    final ManagedChannel channel;
    private IoEventLoopGroup group; // only for a Unix socket

    /**
     * @param address HOST:PORT or unix:///PATH
     * @param caFile PEM file of the certificate authority to trust; null for plaintext
     * @param token bearer token; null for none
     */
    Connection(String address, String caFile, String token) throws IOException {
        boolean unix = address.startsWith("unix:");
        if (token != null && caFile == null && !unix) {
            throw new IOException("a token requires TLS over a network; pass --ca");
        }
        ChannelCredentials credentials = caFile == null
                ? InsecureChannelCredentials.create()
                : TlsChannelCredentials.newBuilder().trustManager(new File(caFile)).build();
        NettyChannelBuilder builder = unix ? unixSocket(address) : NettyChannelBuilder.forTarget(address, credentials);
        if (token != null) {
            builder.intercept(MetadataUtils.newAttachHeadersInterceptor(bearer(token)));
        }
        channel = builder
                .maxInboundMessageSize(MAX_MESSAGE_BYTES)
                .defaultServiceConfig(RETRY_POLICY)
                .enableRetry()
                // Detects a dead connection after 30 seconds.
                .keepAliveTime(20, TimeUnit.SECONDS)
                .keepAliveTimeout(10, TimeUnit.SECONDS)
                .build();
    }

    private NettyChannelBuilder unixSocket(String address) {
        String path = address.replaceFirst("^unix:(//)?", "");
        group = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
        return NettyChannelBuilder
                .forAddress(new DomainSocketAddress(path), InsecureChannelCredentials.create())
                .channelType(EpollDomainSocketChannel.class)
                .eventLoopGroup(group)
                .overrideAuthority("localhost");
    }

    private static Metadata bearer(String token) {
        Metadata headers = new Metadata();
        headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
        return headers;
    }

    @Override
    public void close() {
        channel.shutdownNow();
        if (group != null) {
            group.shutdownGracefully(0, 1, TimeUnit.SECONDS);
        }
    }
}
