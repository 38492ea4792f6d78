// Kafka Streams: a keyed sum in RocksDB with its changelog, written to MongoDB in bulk by the synchronous driver.
// Run from its source: java -cp 'jars/*' KafkaStreamsPeer.java

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoCollection;
import com.mongodb.client.model.BulkWriteOptions;
import com.mongodb.client.model.ReplaceOneModel;
import com.mongodb.client.model.ReplaceOptions;
import com.mongodb.client.model.WriteModel;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.bson.Document;

public final class KafkaStreamsPeer {
    private static final int BATCH = 1_000;
    private static final Duration WITHIN = Duration.ofMillis(100);
    private static final ObjectMapper JSON = new ObjectMapper();

    record Sum(long netMinor, long visits, long events, String lastContact) {
        static final Sum NOTHING = new Sum(0, 0, 0, "");

        Sum with(JsonNode event) {
            String type = event.get("type").asText();
            String time = event.get("time").asText();
            boolean visit = type.equals("guanxi.visit.logged.v1");
            boolean later = visit && time.compareTo(lastContact) > 0;
            return new Sum(netMinor + minor(event, type), visits + (visit ? 1 : 0), events + 1, later ? time : lastContact);
        }

        private static long minor(JsonNode event, String type) {
            int sign = switch (type) {
                case "guanxi.purchase.recorded.v1" -> 1;
                case "guanxi.purchase.refunded.v1" -> -1;
                default -> 0;
            };
            return sign == 0 ? 0 : sign * new BigDecimal(event.get("data").get("amount").asText()).movePointRight(2).longValue();
        }

        Document document(String key) {
            return new Document("_id", key).append("net_minor", netMinor).append("visits", visits)
                .append("events", events).append("last_contact", lastContact);
        }
    }

    private static Serde<Sum> sums() {
        Serializer<Sum> write = (topic, sum) -> {
            if (sum == null) return null;
            byte[] last = sum.lastContact().getBytes(StandardCharsets.UTF_8);
            return ByteBuffer.allocate(24 + last.length).putLong(sum.netMinor()).putLong(sum.visits())
                .putLong(sum.events()).put(last).array();
        };
        Deserializer<Sum> read = (topic, bytes) -> {
            if (bytes == null) return null;
            ByteBuffer from = ByteBuffer.wrap(bytes);
            return new Sum(from.getLong(), from.getLong(), from.getLong(),
                new String(bytes, 24, bytes.length - 24, StandardCharsets.UTF_8));
        };
        return Serdes.serdeFrom(write, read);
    }

    private static Serde<JsonNode> events() {
        Serializer<JsonNode> write = (topic, event) -> {
            throw new UnsupportedOperationException("events are only read");
        };
        Deserializer<JsonNode> read = (topic, bytes) -> {
            try {
                return JSON.readTree(bytes);
            } catch (java.io.IOException error) {
                throw new java.io.UncheckedIOException(error);
            }
        };
        return Serdes.serdeFrom(write, read);
    }

    /** Collects the latest sums and writes them in bulk. */
    private static final class Writer implements Processor<String, Sum, Void, Void> {
        private final MongoCollection<Document> collection;
        private final Map<String, Sum> waiting = new LinkedHashMap<>();

        Writer(MongoCollection<Document> collection) {
            this.collection = collection;
        }

        @Override
        public void init(ProcessorContext<Void, Void> context) {
            context.schedule(WITHIN, PunctuationType.WALL_CLOCK_TIME, now -> write());
        }

        @Override
        public void process(Record<String, Sum> record) {
            waiting.put(record.key(), record.value());
            if (waiting.size() >= BATCH) write();
        }

        @Override
        public void close() {
            write();
        }

        private void write() {
            if (waiting.isEmpty()) return;
            List<WriteModel<Document>> writes = new ArrayList<>(waiting.size());
            ReplaceOptions upsert = new ReplaceOptions().upsert(true);
            waiting.forEach((key, sum) ->
                writes.add(new ReplaceOneModel<>(new Document("_id", key), sum.document(key), upsert)));
            collection.bulkWrite(writes, new BulkWriteOptions().ordered(false));
            waiting.clear();
        }
    }

    public static void main(String[] args) {
        Map<String, String> env = System.getenv();
        String topic = env.get("PEER_TOPIC");
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, topic);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, env.get("GUANXI_KAFKA_BOOTSTRAP"));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, env.get("PEER_STATE"));
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1_000);
        settings.put("auto.offset.reset", "earliest");
        MongoClient client = MongoClients.create(env.get("GUANXI_MONGO_URI"));
        MongoCollection<Document> collection =
            client.getDatabase(env.get("PEER_DATABASE")).getCollection(env.get("PEER_COLLECTION"));
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(topic, Consumed.with(Serdes.String(), events()))
            .groupByKey()
            .aggregate(() -> Sum.NOTHING, (key, event, sum) -> sum.with(event), Materialized.with(Serdes.String(), sums()))
            .toStream()
            .process(() -> new Writer(collection));
        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }
}
