attend_room(store TORCH GLUE SOURCES model_folder.cpp run_folder.cpp KNOWS models text)
attend_test(store_tests TORCH KNOWS store LABELS unit SOURCES ${PROJECT_SOURCE_DIR}/tests/store/store_test.cpp ${PROJECT_SOURCE_DIR}/tests/store/read_model_test.cpp)
