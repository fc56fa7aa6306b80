import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

import org.apache.flink.streaming.api.graph.StreamConfig;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.Output;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.tasks.ProcessingTimeService;
import org.apache.flink.streaming.runtime.tasks.StreamTask;
import org.apache.flink.types.Row;

/**
 * Takes apart what a batch made: an array of bytes in the layout of `jobs/crossing.py` becomes a
 * row for each record, the first field of which is text and the others bytes (decision 0048).
 *
 * <p>Compiled where it runs, as `Gather.java` is, which says what that means.
 */
public final class Scatter extends AbstractStreamOperator implements OneInputStreamOperator {

    /** The parameters are those that Flink hands to an operator which it compiled. */
    public Scatter(Object[] references, StreamTask task, StreamConfig config, Output output,
            ProcessingTimeService timers) {
        setup(task, config, output);
        setProcessingTimeService(timers);
    }

    @Override
    public void processElement(StreamRecord element) {
        byte[] array = (byte[]) element.getValue();
        ByteBuffer sizes = ByteBuffer.wrap(array);
        int records = sizes.getInt();
        int fields = sizes.getInt();
        int numbers = sizes.getInt();
        int place = 12 + records * (4 * fields + 8 * numbers);
        for (int record = 0; record < records; record++) {
            Object[] values = new Object[fields];
            for (int field = 0; field < fields; field++) {
                int size = sizes.getInt();
                if (size >= 0) {
                    values[field] = Arrays.copyOfRange(array, place, place + size);
                    place += size;
                }
            }
            values[0] = new String((byte[]) values[0], StandardCharsets.UTF_8);
            output.collect(new StreamRecord(Row.of(values)));
        }
    }
}
