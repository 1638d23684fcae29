"""What `sysconfig` knows of the build: nothing, for nothing can be built for the engine or installed into it."""

build_time_vars = {}
