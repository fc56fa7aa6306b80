import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.apache.flink.api.common.operators.MailboxExecutor;
import org.apache.flink.api.common.operators.ProcessingTimeService.ProcessingTimeCallback;
import org.apache.flink.streaming.api.graph.StreamConfig;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.Output;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.tasks.ProcessingTimeService;
import org.apache.flink.streaming.runtime.tasks.StreamTask;
import org.apache.flink.types.Row;
import org.apache.flink.util.function.ThrowingRunnable;

/**
 * Gathers records into batches: a call into Python costs more than what it carries (decision 0046).
 *
 * <p>A batch ends when no more input waits, but not sooner than a pause after the one before: so a
 * quiet log's record is handed on at once, and a busy log's batches grow. It also ends at MOST
 * records or MOST_BYTES, and before a checkpoint's barrier, so that nothing gathered is ever state.
 * Behind that last batch each group that had records since the last barrier gets an empty one. By
 * it the reader, whom Flink does not tell of checkpoints since it is written in Python, knows to
 * write what it holds back.
 *
 * <p>Of a row the first field is the group; then come bytes, then numbers. A batch is one array of
 * bytes, in the layout of `jobs/crossing.py`. The records of a group keep their order.
 *
 * <p>Flink compiles this file where it runs, by the same compiler as what its SQL planner writes
 * (Janino: no lambdas, no diamonds, type parameters are not looked at).
 */
public final class Gather extends AbstractStreamOperator
        implements OneInputStreamOperator, ProcessingTimeCallback, ThrowingRunnable {

    private static final int MOST = 1000;
    private static final int MOST_BYTES = 8388608;

    private final long pauseMillis;
    private final Map groups = new LinkedHashMap();
    private final Set touched = new LinkedHashSet();
    private transient MailboxExecutor mailbox;
    private int gathered;
    private int gatheredBytes;
    /** Of them, how many there were at the last look. */
    private int seen;
    /** A timer or a mail is on its way, by which this batch ends. */
    private boolean waiting;
    private long handedOnAt = System.nanoTime();

    /** The parameters are those that Flink hands to an operator which it compiled. */
    public Gather(Object[] references, StreamTask task, StreamConfig config, Output output,
            ProcessingTimeService timers) {
        this.pauseMillis = ((Number) references[0]).longValue();
        setup(task, config, output);
        setProcessingTimeService(timers);
        this.mailbox = task.getMailboxExecutorFactory().createExecutor(config.getChainIndex());
    }

    @Override
    public void processElement(StreamRecord element) {
        Row row = (Row) element.getValue();
        List records = (List) groups.get(row.getField(0));
        if (records == null) {
            records = new ArrayList();
            groups.put(row.getField(0), records);
        }
        Object[] record = record(row);
        records.add(record);
        gathered++;
        gatheredBytes += size(record);
        if (gathered >= MOST || gatheredBytes >= MOST_BYTES) {
            handOn();
        } else if (!waiting) {
            waiting = true;
            endBatch();
        }
    }

    private void endBatch() {
        long pause = pauseMillis - (System.nanoTime() - handedOnAt) / 1000000L;
        if (pause > 0) {
            ProcessingTimeService timers = getProcessingTimeService();
            timers.registerTimer(timers.getCurrentProcessingTime() + pause, this);
        } else {
            look();
        }
    }

    /** The pause is over. */
    @Override
    public void onProcessingTime(long time) {
        look();
    }

    /** Have `run` called when Flink has done what waits; it takes in a record between two mails. */
    private void look() {
        seen = gathered;
        mailbox.execute(this, "gather: does more input wait?");
    }

    @Override
    public void run() {
        if (gathered > seen) {
            look();
        } else {
            waiting = false;
            handOn();
        }
    }

    @Override
    public void prepareSnapshotPreBarrier(long checkpointId) {
        handOn();
        for (Object group : touched) {
            send(group, new ArrayList());
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
            Map.Entry group = (Map.Entry) each;
            List records = (List) group.getValue();
            touched.add(group.getKey());
            send(group.getKey(), records);
        }
        groups.clear();
        gathered = 0;
        gatheredBytes = 0;
        seen = 0;
        handedOnAt = System.nanoTime();
    }

    private void send(Object group, List records) {
        output.collect(new StreamRecord(Row.of(new Object[] {group, packed(records)})));
    }

    private static Object[] record(Row row) {
        Object[] record = new Object[row.getArity() - 1];
        for (int place = 0; place < record.length; place++) {
            record[place] = row.getField(place + 1);
        }
        return record;
    }

    private static byte[] packed(List records) {
        int fields = records.isEmpty() ? 0 : fields((Object[]) records.get(0));
        int numbers = records.isEmpty() ? 0 : ((Object[]) records.get(0)).length - fields;
        int size = 12;
        for (Object record : records) {
            size += 4 * fields + size((Object[]) record);
        }
        ByteBuffer batch = ByteBuffer.allocate(size);
        batch.putInt(records.size()).putInt(fields).putInt(numbers);
        for (Object record : records) {
            for (int field = 0; field < fields; field++) {
                byte[] data = (byte[]) ((Object[]) record)[field];
                batch.putInt(data == null ? -1 : data.length);
            }
        }
        for (Object record : records) {
            for (int number = fields; number < fields + numbers; number++) {
                batch.putLong(((Number) ((Object[]) record)[number]).longValue());
            }
        }
        for (Object record : records) {
            for (int field = 0; field < fields; field++) {
                byte[] data = (byte[]) ((Object[]) record)[field];
                if (data != null) {
                    batch.put(data);
                }
            }
        }
        return batch.array();
    }

    private static int fields(Object[] record) {
        int fields = 0;
        while (fields < record.length && !(record[fields] instanceof Number)) {
            fields++;
        }
        return fields;
    }

    /** Of fields and numbers, in bytes. */
    private static int size(Object[] record) {
        int size = 0;
        for (int place = 0; place < record.length; place++) {
            if (record[place] instanceof Number) {
                size += 8;
            } else if (record[place] != null) {
                size += ((byte[]) record[place]).length;
            }
        }
        return size;
    }
}
