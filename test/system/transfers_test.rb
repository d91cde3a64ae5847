# frozen_string_literal: true

require "test_helper"
require "digest"
require "tempfile"

class TransfersTest < SystemTest
  MEGABYTE = ("thruster" * (1024 * 1024 / 8)).freeze

  test "an upload arrives whole" do
    body = Random.new(1).bytes(20 * 1024 * 1024)

    response = post("/uploads", body, "application/octet-stream")

    assert_equal "201", response.code
    assert_equal({ "size" => body.bytesize, "sha256" => Digest::SHA256.hexdigest(body), "name" => nil }, JSON.parse(response.body))
  end

  test "an upload of unknown length arrives whole" do
    body = Random.new(2).bytes(5 * 1024 * 1024)
    request = Net::HTTP::Post.new("/uploads", "Content-Type" => "application/octet-stream", "Transfer-Encoding" => "chunked")
    request.body_stream = StringIO.new(body)

    response = thrust.request(request)

    assert_equal Digest::SHA256.hexdigest(body), JSON.parse(response.body)["sha256"]
  end

  test "a file in a form arrives with its name" do
    request = Net::HTTP::Post.new("/uploads")
    request.set_form([ [ "file", StringIO.new(MEGABYTE), { filename: "photo.jpg" } ] ], "multipart/form-data")

    response = thrust.request(request)

    assert_equal({ "size" => MEGABYTE.bytesize, "sha256" => Digest::SHA256.hexdigest(MEGABYTE), "name" => "photo.jpg" },
      JSON.parse(response.body))
  end

  test "a client that asks first is told to go on" do
    socket = thrust.socket
    socket.write "POST /uploads HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n" \
      "Content-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"

    interim = eventually("100 Continue") { socket.wait_readable(5) && socket.readpartial(1024) }
    socket.write "hello"

    assert_match %r{\AHTTP/1.1 100 }, interim
    assert_match(/"size":5/, read_to_end(socket))
  end

  test "a download of known length arrives whole" do
    response, digest, size = download("/downloads/64")

    assert_equal (64 * MEGABYTE.bytesize).to_s, response["Content-Length"]
    assert_equal [ 64 * MEGABYTE.bytesize, expected_digest(64) ], [ size, digest ]
  end

  test "a download of unknown length arrives whole" do
    response, digest, size = download("/downloads/16?chunked=1")

    assert_nil response["Content-Length"]
    assert_equal [ 16 * MEGABYTE.bytesize, expected_digest(16) ], [ size, digest ]
  end

  test "a client that leaves in the middle of a download is logged with 499 and what it got" do
    socket = thrust.socket
    socket.write "GET /downloads/512?left=early HTTP/1.1\r\nHost: localhost\r\n\r\n"
    socket.readpartial(1024)
    socket.close

    line = request_line("/downloads/512")

    assert_equal 499, line["status"]
    assert_operator line["resp_content_length"], :<, 512 * MEGABYTE.bytesize
  end

  private
    def download(path)
      digest = Digest::SHA256.new
      size = 0
      response = thrust.request(Net::HTTP::Get.new(path)) do |arriving|
        arriving.read_body do |piece|
          digest << piece
          size += piece.bytesize
        end
      end
      [ response, digest.hexdigest, size ]
    end

    def expected_digest(megabytes)
      megabytes.times.inject(Digest::SHA256.new) { |digest, _| digest << MEGABYTE }.hexdigest
    end
end
