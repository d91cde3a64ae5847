# frozen_string_literal: true

require "test_helper"
require "support/browser_test"

class ChromiumTest < BrowserTest
  test "a page shows with its stylesheet and its image" do
    visit "/"

    assert browser.has_text?("This page came through thrust")
    assert_equal "672px", browser.evaluate_script("getComputedStyle(document.body).maxWidth")
    assert browser.evaluate_script("document.images[0].complete && document.images[0].naturalWidth > 0")
    assert_equal [ 200 ], loaded.values.uniq
    assert_equal %w[.css .svg], loaded.keys.grep(%r{\A/assets/.*-\h{8}\.}).map { File.extname(_1) }.sort
  end

  test "a second visit takes the assets from the browser's cache" do
    visit "/"
    visit "/visits"

    sizes = browser.evaluate_script(<<~JS)
      performance.getEntriesByType("resource").filter(entry => entry.name.includes("/assets/")).map(entry => entry.transferSize)
    JS
    assert_equal [ 0 ], sizes.uniq
  end

  test "what is said in a room comes back over Action Cable" do
    visit "/room"
    assert browser.has_css?("#state", text: "inside")

    browser.fill_in "text", with: "Hello from Chromium"
    browser.click_button "Say"

    assert browser.has_css?("#said li", text: "Hello from Chromium")
    browser.execute_script "room.consumer.disconnect()"

    assert_equal 101, request_line("/cable")["status"]
  end

  test "a file that the app sends is downloaded whole" do
    visit "/room"

    browser.click_link "A file of 3 MB"

    assert_equal "thruster" * (3 * 1024 * 1024 / 8), downloaded("3.bin")
    # All at once or in parts is Chromium's choice; it asks for parts where the file comes slowly.
    assert_includes [ 200, 206 ], request_line("/stored/3")["status"]
  end
end
