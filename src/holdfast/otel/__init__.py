"""From the journal to OpenTelemetry: what runs did, as spans, to whoever takes OTLP over HTTP.

    mapping     entries of one run → spans; the one place that knows any names
    span        what a span is here, and how its ids follow from (run, seq)
    content     what was said and returned, where it was asked for and may leave the journal
    wire        spans → the bytes of OTLP                                                   needs `holdfast[otel]`
    collector   one request to a collector, and what came of it                             needs `holdfast[otel]`
    position    how far a collector has been told, in a file that may be lost
    sender      follows the durable feed, and sends each span when it is over

An export is a projection: the journal stays the record, and nothing here writes to it. It is at least once: a span that
is sent again is the same span, with the same ids.
"""
