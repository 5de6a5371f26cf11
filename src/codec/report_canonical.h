/* report_canonical: the property of the report codec, for any bytes at all: what decodes, encodes
 * to itself from its fields. For the test and the fuzz target; static functions only. */
#ifndef CRUST_CODEC_REPORT_CANONICAL_H
#define CRUST_CODEC_REPORT_CANONICAL_H

#include "codec/cbor.h"
#include "codec/report.h"

static inline void canonical_op(struct writer *w, const struct report_op *op)
{
    uint8_t leaves[REPORT_STEP_SIZE_MAX];
    struct writer l = writer_of(leaves, sizeof(leaves));
    struct span in = op->leaves;
    struct report_file file;
    struct report_extent extent;
    uint32_t count = 0;
    if (op->kind == REPORT_OP_ADD_EXTENTS || op->kind == REPORT_OP_REMOVE_EXTENT)
        for (; report_op_extent(&extent, &in); count++)
            report_extent_encode(&l, &extent);
    else
        for (; report_op_file(&file, &in); count++)
            report_file_encode(&l, &file);
    ASSERT(l.err == OK && count == op->count);
    struct report_op again = *op;
    again.leaves = writer_span(&l);
    report_op_encode(w, &again);
}

static inline void canonical_step(struct span in)
{
    struct report_step step;
    if (report_step_decode(&step, in) != OK)
        return;
    uint8_t ops[REPORT_STEP_SIZE_MAX];
    uint8_t out[REPORT_STEP_SIZE_MAX];
    struct writer o = writer_of(ops, sizeof(ops));
    struct span rest = step.ops;
    struct report_op op;
    uint32_t count = 0;
    uint32_t leaves = 0;
    for (; report_op_next(&op, &rest); count++) {
        canonical_op(&o, &op);
        leaves += op.count == 0 ? 1 : op.count;
    }
    ASSERT(o.err == OK && count == step.op_count && leaves == step.leaf_count);
    struct report_ops checked;
    enum err e = report_ops_check(&checked, step.ops);
    ASSERT(e == OK && checked.count == count && checked.leaves == leaves);
    step.ops = writer_span(&o);
    struct writer w = writer_of(out, sizeof(out));
    report_step_encode(&w, &step);
    ASSERT(w.err == OK && span_eq(writer_span(&w), in));
    ASSERT(cbor_validate(in, CBOR_STRICT) == OK);
}

static inline void canonical_attempt(struct span in)
{
    static struct report_attempt attempt;
    static uint8_t out[REPORT_RETURN_SIZE_MAX];
    if (report_attempt_decode(&attempt, in) != OK)
        return;
    struct writer w = writer_of(out, sizeof(out));
    report_attempt_encode(&w, &attempt);
    ASSERT(w.err == OK && span_eq(writer_span(&w), in));
    ASSERT(cbor_validate(in, CBOR_STRICT) == OK);
}

static inline void canonical_report(struct span in)
{
    static struct report report;
    static uint8_t out[REPORT_RETURN_SIZE_MAX];
    if (report_decode(&report, in) != OK)
        return;
    canonical_attempt(report.attempt_bytes);
    if (report.has_step)
        canonical_step(report.step_bytes);
    struct writer w = writer_of(out, sizeof(out));
    report_encode(&w, report.has_step ? report.step_bytes : span_of(NULL, 0), report.attempt_bytes,
                  report.signature);
    ASSERT(w.err == OK && span_eq(writer_span(&w), in));
    ASSERT(cbor_validate(in, CBOR_STRICT) == OK);
}

#endif
