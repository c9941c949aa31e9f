attend_room(run TORCH
  SOURCES text_batches.cpp run_records.cpp runner.cpp translate.cpp translator.cpp language.cpp windows.cpp copies.cpp rerank.cpp captions.cpp quiz.cpp
          text_quiz.cpp story_quiz.cpp cloze_quiz.cpp picture_quiz.cpp answers.cpp evaluate.cpp tiles.cpp
  KNOWS store search data measure)
set(tests stored_test runner_test answers_test captions_test translator_test evaluate_test rerank_test revise_test summaries_test)
list(TRANSFORM tests PREPEND ${PROJECT_SOURCE_DIR}/tests/run/)
list(TRANSFORM tests APPEND .cpp)
attend_test(run_tests TORCH KNOWS run LABELS unit SOURCES ${tests})
