attend_room(trace TORCH
  SOURCES examples.cpp trace.cpp tracing_observer.cpp trace_examples.cpp trace_json.cpp trace_text.cpp plain_text.cpp
  KNOWS run)
set(tests trace/trace_test trace/trace_example_test trace/trace_parts_test trace/worked_example_test trace/copies_test draw/schema)
list(TRANSFORM tests PREPEND ${PROJECT_SOURCE_DIR}/tests/)
list(TRANSFORM tests APPEND .cpp)
attend_test(trace_tests TORCH KNOWS trace LABELS unit SOURCES ${tests})
