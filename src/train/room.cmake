attend_room(train TORCH GLUE SOURCES config.cpp optimiser.cpp learner.cpp pairs.cpp stream.cpp questions.cpp captions.cpp pictures.cpp sequences.cpp examples.cpp auxiliary.cpp checkpoints.cpp trainer.cpp KNOWS decode LIBS nlohmann_json::nlohmann_json)
attend_test(train_tests TORCH KNOWS train LIBS nlohmann_json::nlohmann_json LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/train/auxiliary_test.cpp ${PROJECT_SOURCE_DIR}/tests/train/trainer_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/train/tasks_test.cpp)
