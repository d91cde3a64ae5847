# Files of any size, made when they are first asked for.
class StoredFile
  DIRECTORY = Rails.root.join("storage/sizes")

  # The path of the one with so many megabytes. Several processes may make it at once; none sees it half made.
  def self.of(megabytes)
    path = DIRECTORY.join("#{megabytes}.bin")
    return path if path.exist?

    DIRECTORY.mkpath
    draft = DIRECTORY.join("#{megabytes}.#{Process.pid}.#{Thread.current.object_id}")
    draft.open("wb") { |file| megabytes.times { file.write(DownloadsController::MEGABYTE) } }
    draft.rename(path)
    path
  end
end
