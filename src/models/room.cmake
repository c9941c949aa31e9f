attend_room(models TORCH SOURCES seq2seq.cpp rnn_seq2seq.cpp transformer.cpp KNOWS layers)
