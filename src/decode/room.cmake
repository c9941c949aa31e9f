attend_room(decode TORCH SOURCES search.cpp force.cpp rounds.cpp sample.cpp windows.cpp maps.cpp translator.cpp copies.cpp rerank.cpp captions.cpp
  quiz.cpp text_quiz.cpp story_quiz.cpp cloze_quiz.cpp picture_quiz.cpp answers.cpp
  evaluate.cpp examples.cpp trace.cpp tracing_observer.cpp
  trace_examples.cpp trace_json.cpp trace_text.cpp plain_text.cpp KNOWS store measure)
attend_test(trace_tests TORCH KNOWS decode LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/decode/trace_test.cpp ${PROJECT_SOURCE_DIR}/tests/decode/trace_example_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/decode/trace_parts_test.cpp ${PROJECT_SOURCE_DIR}/tests/draw/schema.cpp)
attend_test(decode_tests TORCH KNOWS decode LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/decode/search_test.cpp ${PROJECT_SOURCE_DIR}/tests/decode/sample_test.cpp ${PROJECT_SOURCE_DIR}/tests/decode/maps_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/decode/answers_test.cpp ${PROJECT_SOURCE_DIR}/tests/decode/worked_example_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/decode/translator_test.cpp ${PROJECT_SOURCE_DIR}/tests/decode/evaluate_test.cpp ${PROJECT_SOURCE_DIR}/tests/decode/copies_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/decode/rerank_test.cpp ${PROJECT_SOURCE_DIR}/tests/decode/revise_test.cpp)
