attend_room(train TORCH GLUE SOURCES config.cpp train_options.cpp data.cpp profile.cpp fit.cpp fit_tasks.cpp optimiser.cpp learner.cpp pairs.cpp stream.cpp questions.cpp captions.cpp pictures.cpp sequences.cpp examples.cpp auxiliary.cpp entropy_loss.cpp checkpoints.cpp run_lock.cpp run_log.cpp resume.cpp texts.cpp runs.cpp limits.cpp trainer.cpp KNOWS run LIBS nlohmann_json::nlohmann_json)
attend_test(train_tests TORCH KNOWS train synthetic LIBS nlohmann_json::nlohmann_json LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/train/auxiliary_test.cpp ${PROJECT_SOURCE_DIR}/tests/train/entropy_loss_test.cpp ${PROJECT_SOURCE_DIR}/tests/train/trainer_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/train/optimiser_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/train/run_folder_test.cpp ${PROJECT_SOURCE_DIR}/tests/train/resume_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/train/tasks_test.cpp ${PROJECT_SOURCE_DIR}/tests/train/fit_test.cpp)
