"""Where frames come from: file, webcam, RTSP/HTTP stream, image directory, simulated site."""
