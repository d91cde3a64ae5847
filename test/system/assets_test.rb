# frozen_string_literal: true

require "test_helper"

class AssetsTest < SystemTest
  test "an asset comes under the name that its page gives it, to be kept for ever, and another file for as long as Rails says" do
    response = thrust.get(stylesheet)

    assert_equal "200", response.code
    assert_equal "text/css; charset=utf-8", response["Content-Type"]
    assert_equal "public, max-age=31536000, immutable", response["Cache-Control"]
    assert_equal "public, max-age=31556952", thrust.get("/about.html")["Cache-Control"]
    assert_equal File.binread(File.join(DummyApp::ROOT, "public", stylesheet)), response.body
  end

  test "an asset that the browser has is answered 304 without a body" do
    modified = thrust.get(stylesheet)["Last-Modified"]

    response = thrust.get(stylesheet, "If-Modified-Since" => modified)

    assert_equal "304", response.code
    assert_nil response.body
  end

  test "a range of an asset is just that range" do
    response = thrust.get(stylesheet, "Range" => "bytes=0-3")

    assert_equal "206", response.code
    assert_equal "body", response.body
  end

  private
    def stylesheet
      @stylesheet ||= thrust.get("/").body[/href="([^"]+\.css)"/, 1]
    end
end
