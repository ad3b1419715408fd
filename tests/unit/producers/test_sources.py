import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from producers.frames import CapturedFrame
from producers.sources.address import without_password
from producers.sources.base import Playback
from producers.sources.buffer import FrameBuffer
from producers.sources.file import LOOP_GAP_MS, _Clock
from producers.sources.pace import LONGEST_PAUSE_S, BackOff, Sampler
from producers.sources.spec import open_source
from producers.sources.threaded import CAPACITY
from reid.errors import ConfigError
from tests.unit.producers.recordings import picture, uneven_video, video

FLAT_OUT = Playback(fps=5.0, realtime=False, start_ms=1_000_000)


def frame(number: int) -> CapturedFrame:
    return CapturedFrame(picture(number), number, number)


class TestFrameBuffer:
    def test_a_late_reader_loses_the_oldest_and_the_loss_is_told(self) -> None:
        buffer = FrameBuffer(3, lossy=True)
        dropped = sum(buffer.put(frame(n)) for n in range(10))
        buffer.end()
        assert dropped == 7
        assert [f.number for f in buffer] == [7, 8, 9]

    def test_without_loss_the_writer_waits(self) -> None:
        buffer = FrameBuffer(2, lossy=False)
        writer = threading.Thread(target=lambda: ([buffer.put(frame(n)) for n in range(20)], buffer.end()))
        writer.start()
        assert [f.number for f in buffer] == list(range(20))
        writer.join(2)

    def test_an_error_comes_after_the_frames_that_wait(self) -> None:
        buffer = FrameBuffer(3, lossy=True)
        buffer.put(frame(0))
        buffer.end(ConfigError("gone"))
        seen = []
        with pytest.raises(ConfigError, match="gone"):
            seen.extend(f.number for f in buffer)

    def test_abandoning_releases_a_writer_that_waits(self) -> None:
        buffer = FrameBuffer(1, lossy=False)
        buffer.put(frame(0))
        writer = threading.Thread(target=lambda: buffer.put(frame(1)))
        writer.start()
        buffer.abandon()
        writer.join(2)
        assert not writer.is_alive()


class TestPace:
    @pytest.mark.parametrize(
        ("rate", "wanted", "expected"), [(30, 5, 50), (29.97, 5, 50), (5, 5, 50), (4, 5, 40)]
    )
    def test_takes_the_wanted_rate_of_ten_seconds(self, rate: float, wanted: float, expected: int) -> None:
        sampler = Sampler(wanted)
        taken = [n for n in range(int(10 * rate)) if sampler.wants(n * 1000 / rate)]
        assert abs(len(taken) - expected) <= 1

    def test_a_gap_is_not_caught_up(self) -> None:
        sampler = Sampler(5)
        assert sampler.wants(0)
        assert sampler.wants(60_000)
        assert not sampler.wants(60_050)

    def test_back_off_doubles_up_to_its_limit_and_resets(self) -> None:
        stop = threading.Event()
        stop.set()
        back_off = BackOff(0.5)
        pauses = []
        for _ in range(8):
            pauses.append(back_off.pause)
            back_off.wait(stop)
        assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
        assert pauses[-1] == LONGEST_PAUSE_S
        back_off.reset()
        assert back_off.pause == 0.5


class TestVideo:
    def test_flat_out_takes_every_due_frame_with_its_time(self, tmp_path: Path) -> None:
        source = open_source(str(video(tmp_path / "a.mp4")), FLAT_OUT)
        frames = list(source)
        assert [f.captured_at - 1_000_000 for f in frames] == [
            0,
            200,
            400,
            600,
            800,
            1000,
            1200,
            1400,
            1600,
            1800,
        ]
        assert [f.number for f in frames] == list(range(10))
        assert (source.stats.state, source.stats.captured, source.stats.dropped) == ("ended", 10, 0)
        assert (source.stats.width, source.stats.height) == (160, 120)

    def test_realtime_is_paced_and_drops_when_nobody_reads(self, tmp_path: Path) -> None:
        count, rate = 24, 120.0
        source = open_source(str(video(tmp_path / "a.mp4", count, rate)), Playback(fps=rate))
        began = time.monotonic()
        frames = iter(source)
        next(frames)
        while source.stats.state != "ended":
            assert time.monotonic() - began < 10
            time.sleep(0.01)
        assert time.monotonic() - began > (count - 1) / rate - 0.01
        rest = list(frames)
        assert len(rest) == CAPACITY
        assert 1 + len(rest) + source.stats.dropped == source.stats.captured == count
        assert rest[-1].number == count - 1

    def test_a_loop_goes_on_in_time(self, tmp_path: Path) -> None:
        path = video(tmp_path / "a.mp4", frames=12)
        source = open_source(str(path), Playback(5.0, realtime=False, loop=True, start_ms=0))
        frames = iter(source)
        times = [next(frames).captured_at for _ in range(5)]
        source.close()
        assert times == sorted(set(times))
        assert times[2] - times[1] >= LOOP_GAP_MS

    def test_a_damaged_middle_is_survived(self, tmp_path: Path) -> None:
        path = video(tmp_path / "a.avi", frames=60, codec="MJPG")
        raw = bytearray(path.read_bytes())
        third = len(raw) // 3
        raw[third : third + len(raw) // 6] = bytes(len(raw) // 6)
        path.write_bytes(raw)
        source = open_source(str(path), Playback(30.0, realtime=False, start_ms=0))
        frames = list(source)
        assert source.stats.state == "ended"
        assert 20 <= len(frames) < 60
        assert source.stats.corrupt > 0
        assert frames[-1].captured_at > 1_200, "nothing behind the damage was read"

    def test_frames_unevenly_apart_were_told_as_if_evenly(self, tmp_path: Path) -> None:
        """A recorder that writes what moves: a second, ten of nothing, and a second. It was 12 s at 5 frames
        a second: whoever walked for a second was told to walk for six."""
        path = uneven_video(tmp_path / "moving.mp4", [33] * 29 + [10_000] + [33] * 30)
        source = open_source(str(path), FLAT_OUT)
        times = [frame.captured_at - 1_000_000 for frame in source]
        assert times == pytest.approx([*range(0, 900, 198), *range(10_957, 11_900, 198)], abs=34)
        assert sorted(set(times)) == times

    def test_stamps_count_where_they_tell_otherwise_than_the_number_of_a_frame(self) -> None:
        even = _Clock(40.0)
        assert [even.at(n, 66.0 + n * 40.04) for n in range(100)] == [n * 40.0 for n in range(100)]
        without = _Clock(40.0)
        assert [without.at(n, 0.0) for n in range(5)] == [0.0, 40.0, 80.0, 120.0, 160.0]
        joined = _Clock(40.0)
        stamps = [500.0, 533.0, 700.0, 1200.0, 0.0, 33.0]
        assert [joined.at(n, stamp) for n, stamp in enumerate(stamps)] == [
            0.0,
            40.0,
            200.0,
            700.0,
            740.0,
            773.0,
        ]
        browser = _Clock(1.0)  # Which says 1,000 frames a second of its videos.
        assert [browser.at(n, n * 33.0) for n in range(4)] == [0.0, 33.0, 66.0, 99.0]

    @pytest.mark.parametrize("content", [b"", b"this is no video at all" * 100])
    def test_a_file_that_is_no_video_is_named_with_the_remedy(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "notes.mp4"
        path.write_bytes(content)
        source = open_source(str(path), FLAT_OUT)
        with pytest.raises(ConfigError, match=r"notes\.mp4.*ffprobe"):
            list(source)
        assert source.stats.state == "failed"
        assert "notes.mp4" in source.stats.detail


class TestDirectory:
    def test_reads_in_order_and_counts_the_corrupt(self, tmp_path: Path) -> None:
        for number in range(5):
            cv2.imwrite(str(tmp_path / f"{number:03d}.png"), picture(number))
        (tmp_path / "002.png").write_bytes(b"broken")
        (tmp_path / "003.png").write_bytes(b"")
        (tmp_path / "notes.txt").write_text("no picture")
        source = open_source(str(tmp_path), FLAT_OUT)
        frames = list(source)
        assert [f.captured_at - 1_000_000 for f in frames] == [0, 200, 800]
        assert source.stats.corrupt == 2
        assert np.array_equal(frames[-1].image, picture(4))

    def test_one_that_could_not_be_opened_ended_the_camera(self, tmp_path: Path) -> None:
        """A folder called as a picture, a link to nothing, a picture that was moved away meanwhile."""
        (tmp_path / "000.png").mkdir()
        (tmp_path / "001.png").symlink_to(tmp_path / "gone.png")
        for number in (2, 3):
            cv2.imwrite(str(tmp_path / f"{number:03d}.png"), picture(number))
        frames = open_source(str(tmp_path), FLAT_OUT)
        assert [f.captured_at - 1_000_000 for f in frames] == [400, 600]
        assert frames.stats.corrupt == 2

    def test_a_directory_without_pictures_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="holds no image"):
            list(open_source(str(tmp_path), FLAT_OUT))

    def test_pictures_that_are_all_broken_are_an_error_that_ends(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(b"broken")
        with pytest.raises(ConfigError, match="no picture"):
            list(open_source(str(tmp_path), Playback(5.0, realtime=False, loop=True)))


class TestSpec:
    @pytest.mark.parametrize(
        ("spec", "words"),
        [
            ("nowhere.mp4", "no such file"),
            ("gopher://camera", "scheme 'gopher'"),
            ("sim://?pepole=3", "no parameter 'pepole'"),
            ("sim://?people=many", "not a number"),
            ("sim://?people=0", "1 to 40"),
            ("sim://?camera=0", "simulated camera 0"),
        ],
    )
    def test_nonsense_is_named(self, spec: str, words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            open_source(spec, FLAT_OUT)

    def test_passwords_are_not_shown(self) -> None:
        source = open_source("rtsp://admin:secret@10.0.0.7:554/stream", FLAT_OUT)
        assert source.describe() == "rtsp://admin:***@10.0.0.7:554/stream"
        assert without_password("http://10.0.0.7/x") == "http://10.0.0.7/x"

    @pytest.mark.parametrize(
        ("address", "shown"),
        [
            ("http://admin:geheim@h:9104/s?password=geheim", "http://admin:***@h:9104/s?password=***"),
            ("http://h/s?geheim&b=;c=geheim#geheim", "http://h/s?***&b=***;c=***#***"),
            ("rtsp://admin:geheim#8@h/s", "rtsp://***@h/s"),
            ("rtsp://admin:ge/heim@h/s", "rtsp://***@h/s"),
            ("rtsp://admin:1?geheim@h/s", "rtsp://***@h/s"),
            ("rtsp://admin:ge[heim@h/s", "rtsp://***@h/s"),
            ("rtsp://admin:p@geheim@h/s", "rtsp://admin:***@h/s"),
            ("rtsp://geheim@h/s", "rtsp://***@h/s"),
            (
                "rtsp://h/user=admin&password=geheim&channel=1.sdp",
                "rtsp://h/user=admin&password=***&channel=1.sdp",
            ),
            ("admin:geheim@h/s", "admin:***@h/s"),
            ("udp://@239.0.0.1:1234", "udp://@239.0.0.1:1234"),
        ],
    )
    def test_a_password_was_shown_that_stood_elsewhere_than_in_a_well_formed_address(
        self, address: str, shown: str
    ) -> None:
        assert without_password(address) == shown

    @pytest.mark.parametrize(
        ("address", "words"),
        [
            ("rtsp://admin:geheim#8@h/s", "write # as %23"),
            ("rtsp://admin:ge/heim@h/s", "write / as %2F"),
            ("rtsp://admin:ge?heim@h/s", r"write \? as %3F"),
            ("rtsp://admin:ge[heim@h/s", r"write \[ as %5B"),
            ("rtsp://admin:geheim@[::1/s", "no host and port"),
            ("rtsp://admin:geheim@h:port/s", "no host and port"),
            ("srt://admin:geheim@h/s", "scheme 'srt'"),
            ("tcp://admin:geheim@h:9", "leave them out"),
            ("admin:geheim@h/s", "no such file"),
            ("admin:geheim@rtsp://h/s", "no such file"),
            ("~nobody-here/ge:heim@h", "no such file"),
            ("admin:geheim@h/" + "s" * 5000, "no such file"),
        ],
    )
    def test_an_error_showed_the_password_of_an_address_that_cannot_be_opened(
        self, address: str, words: str
    ) -> None:
        with pytest.raises(ConfigError, match=words) as caught:
            open_source(address, FLAT_OUT)
        assert "heim" not in str(caught.value)

    @pytest.mark.parametrize(
        "address", ["rtsp://a:b@[::1]:554/s", "rtsp://h/cam@1", "udp://@:1234", "http://h"]
    )
    def test_a_good_address_is_still_opened(self, address: str) -> None:
        assert open_source(address, FLAT_OUT).stats.state == "starting"
