import java.nio.charset.StandardCharsets;
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
 * records, and before a checkpoint's barrier, so that nothing gathered is ever state. Behind that
 * last batch each group that had records since the last barrier gets an empty one. By it the
 * reader, whom Flink does not tell of checkpoints since it is written in Python, knows to write
 * what it holds back.
 *
 * <p>Of a row the first field is the group; then come bytes, then numbers, which become one text.
 * The records of a group keep their order.
 *
 * <p>Flink compiles this file where it runs, by the same compiler as what its SQL planner writes
 * (Janino: no lambdas, no diamonds, type parameters are not looked at).
 */
public final class Gather extends AbstractStreamOperator
        implements OneInputStreamOperator, ProcessingTimeCallback, ThrowingRunnable {

    private static final int MOST = 1000;

    private final long pauseMillis;
    private final Map groups = new LinkedHashMap();
    private final Set touched = new LinkedHashSet();
    private transient MailboxExecutor mailbox;
    private int gathered;
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
        records.add(record(row));
        gathered++;
        if (gathered >= MOST) {
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
            send(group, new byte[0][][]);
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
            send(group.getKey(), records.toArray(new byte[records.size()][][]));
        }
        groups.clear();
        gathered = 0;
        seen = 0;
        handedOnAt = System.nanoTime();
    }

    private void send(Object group, Object batch) {
        output.collect(new StreamRecord(Row.of(new Object[] {group, batch})));
    }

    private static byte[][] record(Row row) {
        int numbers = 1;
        while (!(row.getField(numbers) instanceof Number)) {
            numbers++;
        }
        byte[][] record = new byte[numbers][];
        for (int field = 1; field < numbers; field++) {
            record[field - 1] = (byte[]) row.getField(field);
        }
        StringBuilder text = new StringBuilder().append(row.getField(numbers));
        for (int field = numbers + 1; field < row.getArity(); field++) {
            text.append(' ').append(row.getField(field));
        }
        record[numbers - 1] = text.toString().getBytes(StandardCharsets.ISO_8859_1);
        return record;
    }
}
