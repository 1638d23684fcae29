;; A version without Python: a component of the world that sdk/wit/world.wit describes, whose endpoints do what tests need.
(component
  (type $response-type (record
    (field "status" u16)
    (field "headers" (list (tuple string string)))
    (field "body" (list u8))))
  (export $response "response" (type $response-type))
  (type $failure-type (record (field "error" string) (field "traceback" string)))
  (export $failure "failure" (type $failure-type))

  (core module $module
    (memory (export "memory") PAGES)
    ;; Where the next allocation goes.
    (global $next (mut i32) (i32.const 4096))
    (global $count (mut i32) (i32.const 0))
    (data (i32.const 256) "\n")
    (data (i32.const 320) "ValueError: no")
    (data (i32.const 384) "X-Kindnew")
    ;; list<tuple<string, string>>: ("X-Kind", "new").
    (data (i32.const 448) "\80\01\00\00\06\00\00\00\86\01\00\00\03\00\00\00")

    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
        (then (drop (memory.grow (i32.add (i32.shr_u (local.get 3) (i32.const 16)) (i32.const 1))))))
      (local.get $at))
    (func (export "reset") (param i32) (global.set $next (i32.const 4096)))

    (func $answer (param $status i32) (param $headers i32) (param $body i32) (param $length i32) (result i32)
      (i32.store8 (i32.const 1024) (i32.const 0))
      (i32.store16 (i32.const 1028) (local.get $status))
      (i32.store (i32.const 1032) (i32.const 448))
      (i32.store (i32.const 1036) (local.get $headers))
      (i32.store (i32.const 1040) (local.get $body))
      (i32.store (i32.const 1044) (local.get $length))
      (i32.const 1024))
    (func $fail (result i32)
      (i32.store8 (i32.const 1024) (i32.const 1))
      (i32.store (i32.const 1028) (i32.const 320))
      (i32.store (i32.const 1032) (i32.const 14))
      (i32.store (i32.const 1036) (i32.const 320))
      (i32.store (i32.const 1040) (i32.const 14))
      (i32.const 1024))

    (func (export "echo") (param i32 i32) (result i32)
      (call $answer (i32.const 200) (i32.const 0) (local.get 0) (local.get 1)))
    ;; How many times this instance was asked, as one digit.
    (func (export "count") (param i32 i32) (result i32)
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (i32.store8 (i32.const 256) (i32.add (i32.const 48) (global.get $count)))
      (call $answer (i32.const 200) (i32.const 0) (i32.const 256) (i32.const 1)))
    (func (export "created") (param i32 i32) (result i32)
      (call $answer (i32.const 201) (i32.const 1) (i32.const 320) (i32.const 5)))
    (func (export "fail") (param i32 i32) (result i32) (call $fail))
    (func (export "trap") (param i32 i32) (result i32) unreachable)
    (func (export "spin") (param i32 i32) (result i32) (loop $again (br $again)) unreachable)
    ;; Takes a tenth of a second or more.
    (func (export "wait") (param i32 i32) (result i32)
      (local $left i32)
      (local.set $left (i32.const 300000000))
      (loop $again (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
      (call $answer (i32.const 200) (i32.const 0) (i32.const 320) (i32.const 5)))
    ;; Takes 64 MB, and fails as Python does where it gets none.
    (func (export "hoard") (param i32 i32) (result i32)
      (if (i32.lt_s (memory.grow (i32.const 1000)) (i32.const 0)) (then (return (call $fail))))
      (call $answer (i32.const 200) (i32.const 0) (i32.const 320) (i32.const 5))))

  (core instance $instance (instantiate $module))
  (type $endpoint (func (param "request" string) (result (result $response (error $failure)))))
  ENDPOINTS)
