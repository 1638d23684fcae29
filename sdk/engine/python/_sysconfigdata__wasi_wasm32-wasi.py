"""What `sysconfig` knows of the build: nothing but where time zones are, for nothing can be
built for the engine or installed into it."""

build_time_vars = {"TZPATH": "/usr/share/zoneinfo"}
