import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.apache.flink.api.common.operators.MailboxExecutor;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.streaming.api.graph.StreamConfig;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.Output;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.tasks.StreamTask;
import org.apache.flink.types.Row;
import org.apache.flink.util.function.ThrowingRunnable;

/**
 * Gathers records into batches: a call into Python costs more than what it carries (decision 0046).
 *
 * <p>A batch ends when no more input waits, but not sooner than a pause after the one before, so
 * that a quiet log's record is handed on at once and a busy log's batches grow. It also ends at
 * MOST records, and before a checkpoint's barrier, so nothing gathered is ever state. Behind it
 * each group that had records since the last barrier gets an empty batch: by that its reader,
 * whom Python's functions do not tell of checkpoints, knows to write what it holds.
 *
 * <p>Of a row the first field is the group; what follows is bytes, then the numbers of the
 * record's coordinates, which become one text. Each group's records keep their order.
 *
 * <p>Flink compiles this file where it runs, as it does with the code that its SQL planner writes,
 * and by the same compiler (Janino: no lambdas, no diamonds).
 */
public final class Gather extends AbstractStreamOperator
        implements OneInputStreamOperator, ProcessingTimeService.ProcessingTimeCallback, ThrowingRunnable {

    /** Records of a batch; a replay's batches come to that. */
    private static final int MOST = 1000;

    private final long pauseMillis;
    private final Map groups = new LinkedHashMap();
    private final Set touched = new LinkedHashSet();
    private transient MailboxExecutor mailbox;
    private int gathered;
    private int seen;
    private boolean waiting;
    private long handedOnAt = System.nanoTime();

    public Gather(Object[] references, StreamTask task, StreamConfig config, Output output,
            org.apache.flink.streaming.runtime.tasks.ProcessingTimeService timers) throws Exception {
        this.pauseMillis = ((Number) references[0]).longValue();
        setup(task, config, output);
        setProcessingTimeService(timers);
        this.mailbox = task.getMailboxExecutorFactory().createExecutor(config.getChainIndex());
    }

    @Override
    public void processElement(StreamRecord element) throws Exception {
        Row row = (Row) element.getValue();
        String group = (String) row.getField(0);
        List records = (List) groups.get(group);
        if (records == null) {
            records = new ArrayList();
            groups.put(group, records);
        }
        records.add(record(row));
        gathered++;
        if (gathered >= MOST) {
            handOn();
        } else if (!waiting) {
            waiting = true;
            long pause = pauseMillis - (System.nanoTime() - handedOnAt) / 1000000L;
            if (pause > 0) {
                getProcessingTimeService().registerTimer(
                        getProcessingTimeService().getCurrentProcessingTime() + pause, this);
            } else {
                look();
            }
        }
    }

    /** The pause is over: now the batch ends as soon as no more input waits. */
    @Override
    public void onProcessingTime(long time) throws Exception {
        look();
    }

    /** Come back when what waits in the mailbox is done; between two looks Flink takes one record. */
    private void look() {
        seen = gathered;
        mailbox.execute(this, "Gather looks whether more input waits");
    }

    @Override
    public void run() throws Exception {
        if (gathered > seen) {
            look();
        } else {
            waiting = false;
            handOn();
        }
    }

    @Override
    public void prepareSnapshotPreBarrier(long checkpointId) throws Exception {
        handOn();
        for (Object group : touched) {
            send((String) group, new byte[0][][]);
        }
        touched.clear();
    }

    @Override
    public void finish() throws Exception {
        handOn();
        super.finish();
    }

    private void handOn() {
        for (Object each : groups.entrySet()) {
            Map.Entry entry = (Map.Entry) each;
            List records = (List) entry.getValue();
            send((String) entry.getKey(), (byte[][][]) records.toArray(new byte[records.size()][][]));
        }
        touched.addAll(groups.keySet());
        groups.clear();
        gathered = 0;
        seen = 0;
        handedOnAt = System.nanoTime();
    }

    private void send(String group, byte[][][] batch) {
        output.collect(new StreamRecord(Row.of(new Object[] {group, batch})));
    }

    private static byte[][] record(Row row) {
        int bytes = 1;
        while (!(row.getField(bytes) instanceof Number)) {
            bytes++;
        }
        byte[][] record = new byte[bytes][];
        for (int field = 1; field < bytes; field++) {
            record[field - 1] = (byte[]) row.getField(field);
        }
        StringBuilder coordinates = new StringBuilder();
        for (int field = bytes; field < row.getArity(); field++) {
            coordinates.append(field > bytes ? " " : "").append(row.getField(field));
        }
        record[bytes - 1] = coordinates.toString().getBytes(StandardCharsets.ISO_8859_1);
        return record;
    }
}
