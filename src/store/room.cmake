attend_room(store TORCH SOURCES model_folder.cpp KNOWS models text)
