"""Freezes a notebook: runs it once, and writes what its endpoints need for the engine to answer with.

`python -m titan_freeze JOB` runs in the notebook's own Python (3.11 or later, with IPython), in the notebook's
folder. JOB is a JSON file:

    notebook      path of the notebook, for people
    service       its name
    cells         [{index, source}]: the cells to run, in order; `index` counts all cells of the notebook from 1
    endpoints     [{name, method, path, source, response_info, after_cell, cell_indexes}]: cells that answer requests
                  and are not run; `name` is the export's, `after_cell` the index of the first one
    modules_file  a JSON list of the names of all modules the engine has
    files         what travels: paths relative to the notebook's folder, of files or folders, or patterns
    out           an empty folder
    verify        whether code that asks for what no version has is an error
    answer_seconds, memory
                  what an endpoint may take to answer its sample request, in seconds and bytes

Events go to standard output, one JSON object a line; all that the notebook prints goes to standard error:

    {"event": "cell", "index": 3, "position": 2, "of": 7}     cell 3 begins, the second of seven
    {"event": "stage", "stage": "capture"}                    so do `models`, `state`, `answers`
    {"event": "frozen"}                                       `out` is complete; what comes may fail without harm
    {"event": "answers", "endpoint": "get-x", ...}            what the notebook answers; see below
    {"event": "error", "message": ..., "detail": ...}         the end; `message` is one line
    {"event": "done"}                                         the end

`out` then holds `state` (its format: `titan.state` of the engine), models, and `frozen.json`:

    python    the version of this Python
    captured  [{name, type, bytes, endpoint}]: variables, and the export name of the first endpoint that reaches each
    models    [{name, file, kind, place, samples}]: `file` is relative to `out`; `place` is where the notebook has it, as
              in `model net, which GET /x uses`; `samples` are [{inputs, outputs}], lists of arrays {name, dtype, shape,
              data in base64} that its own library computed
    state     {mode, why}: how state should live between requests, "kernel" or "reuse", and the reason as a clause
    samples   {export name: the value of REQUEST when the endpoint's first cell was reached, or null}

An event `answers` holds

    endpoint  the export name
    request   the REQUEST that was answered
    mock      whether the notebook has a value for REQUEST there, or the endpoint reads none
    outside   what its code reaches beside its request and the variables: `time`, `randomness`, ...
    answers   two, or one that took long, each from the frozen variables: {response: {status, headers, body in base64}}, {raised:
              the exception's last line}, or {missing: why there is no answer}, which is the last then; none without a mock
              REQUEST to try it with
"""
